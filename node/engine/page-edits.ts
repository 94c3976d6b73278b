/**
 * Edits of pages within a transaction: in the cache's own memory where that has the room, otherwise in a copy.
 * A page of 4 KiB that is copied out and in again for each element costs more than all else of a change.
 *
 * Invariants
 * - The bytes of a page that an edit in place will change are kept before it, its header and one range that grows from
 *   edit to edit, and `undo` brings them back: an attempt that ends in MISS or an error leaves no trace. A copy of all 4 KiB
 *   would read lines of memory that nothing else of a change looks at.
 * - The cache's books are opened (`beforeChange`) with the edit and closed by the commit or by `undo`, never by both.
 * - The cache says the old length until the commit.
 */

import { copyRange } from "../base/bytes.ts";
import {
  ENTRY_HEADER_BYTES,
  FLAG_ABSENT,
  FLAG_DIRTY,
  KEY_LENGTH_MASK,
  WORD_FLAGS,
  WORD_LENGTH,
} from "./cache-entry.ts";
import type { OverlayEntry } from "./overlay-entry.ts";
import { HEADER_BYTES } from "./page.ts";
import { PageBuffers } from "./page-buffers.ts";
import type { RecordCache } from "./record-cache.ts";
import type { SlotSpace } from "./slot-space.ts";
import type { PageChange, View } from "./transaction.ts";

const EMPTY = Buffer.alloc(0);

export class PageEdits {
  readonly #cache: RecordCache;
  readonly #buffers = new PageBuffers();

  constructor(cache: RecordCache) {
    this.#cache = cache;
  }

  /**
   * Makes the value of `entry` the bytes of its cache entry for `change`. False, with nothing done, where it has none or
   * that has not the room.
   */
  editInPlace(space: SlotSpace, entry: OverlayEntry, change: PageChange): boolean {
    const { ref } = entry;
    if (ref === 0) return false;
    const { slab, dirty } = this.#cache;
    const chunk = slab.chunkOf(ref);
    const at = slab.wordOf(ref);
    const flags = chunk.words[at + WORD_FLAGS] as number;
    if ((flags & FLAG_ABSENT) !== 0) return false;
    const itemStart = at << 2;
    const start = itemStart + ENTRY_HEADER_BYTES + (flags & KEY_LENGTH_MASK);
    const length = chunk.words[at + WORD_LENGTH] as number;
    const limit = itemStart + chunk.itemBytes;
    if (start + change.capacity > limit) return false;
    const undo = this.#buffers.take(length);
    copyRange(chunk.buf, start, start + Math.min(HEADER_BYTES, length), undo, 0);
    dirty.beforeChange(space, ref);
    entry.setInPlace(chunk.buf, start, start + length, limit);
    entry.undo = undo;
    entry.undoLength = length;
    entry.undoFrom = 0;
    entry.undoTo = 0;
    entry.wasDirty = (flags & FLAG_DIRTY) !== 0;
    this.keepMore(entry, change);
    entry.growTo(change.capacity);
    return true;
  }

  /** Keeps what `change` will change of a page that is edited in place, and what lies between that and what is kept. */
  keepMore(entry: OverlayEntry, change: PageChange): void {
    const { undo, body, bodyStart } = entry;
    if (undo === undefined || !entry.isInPlace) return;
    const from = Math.max(change.from, HEADER_BYTES);
    const to = Math.min(change.to, entry.undoLength);
    if (from >= to) return;
    if (entry.undoFrom === entry.undoTo) {
      copyRange(body, bodyStart + from, bodyStart + to, undo, from);
      entry.undoFrom = from;
      entry.undoTo = to;
      return;
    }
    if (from < entry.undoFrom) {
      copyRange(body, bodyStart + from, bodyStart + entry.undoFrom, undo, from);
      entry.undoFrom = from;
    }
    if (to > entry.undoTo) {
      copyRange(body, bodyStart + entry.undoTo, bodyStart + to, undo, entry.undoTo);
      entry.undoTo = to;
    }
  }

  /** Makes the value of `entry` a copy of `view`, `capacity` bytes long at least. */
  editCopy(entry: OverlayEntry, view: View, capacity: number): void {
    const length = view.end - view.start;
    const size = Math.max(length, capacity);
    const copy = this.#buffers.take(size);
    view.buf.copy(copy, 0, view.start, view.end);
    if (size > length) copy.fill(0, length, size);
    entry.setValue(EMPTY, copy, 0, size);
  }

  /** Brings back what the cache had before `editInPlace`, if that was called for the entry. */
  undo(space: SlotSpace, entry: OverlayEntry): void {
    const { undo, ref } = entry;
    if (undo === undefined) return;
    const { slab, dirty } = this.#cache;
    const { buf, words } = slab.chunkOf(ref);
    const at = slab.wordOf(ref);
    const start = (at << 2) + ENTRY_HEADER_BYTES + ((words[at + WORD_FLAGS] as number) & KEY_LENGTH_MASK);
    copyRange(undo, 0, Math.min(HEADER_BYTES, entry.undoLength), buf, start);
    undo.copy(buf, start + entry.undoFrom, entry.undoFrom, entry.undoTo);
    entry.undo = undefined;
    // What was frozen is no more: without this, a flush that fails would forget the page.
    if (entry.wasDirty) dirty.afterChange(space, ref);
  }

  /** Ends the use of all buffers that were taken. */
  end(): void {
    this.#buffers.giveBackAll();
  }
}
