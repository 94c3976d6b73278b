/**
 * Knows what in the cache is not yet in the database: of each slot a list of entries, of the node the sum and a queue
 * of slots. What the flusher froze and what has changed since are kept apart here.
 *
 * Protocol of a change: `beforeChange(space, ref)`, change the entry (it may move), `afterChange(space, ref)`.
 */

import { assert } from "../base/assert.ts";
import {
  ENTRY_HEADER_BYTES,
  FLAG_DIRTY,
  FLAG_PAGE,
  FLAG_PARITY,
  KEY_LENGTH_MASK,
  WORD_DIRTY_POSITION,
  WORD_FLAGS,
  WORD_HASH,
  WORD_LENGTH,
} from "./cache-entry.ts";
import { DirtyList, EarlyWrites } from "./dirty-list.ts";
import { encodeEntry } from "./entry-encoder.ts";
import type { Ref, Slab } from "./slab.ts";
import type { FrozenSet, SlotSpace } from "./slot-space.ts";

/** Sort keys of pages start here: behind all hashes of records. */
const PAGE_SORT_BASE = 2 ** 32;

export class DirtyTracker {
  /** Bytes of all dirty entries with their headers, frozen ones included. */
  sizeBytes = 0;
  /** Counts the flusher's rounds: the age of what is dirty. */
  tick = 0;
  /** Slots that differ from the database, the longest waiting first. */
  queue: SlotSpace[] = [];
  /** `onLimit` is called when a slot has more dirty bytes than the first, or the node than the second. */
  slotLimitBytes = Number.POSITIVE_INFINITY;
  limitBytes = Number.POSITIVE_INFINITY;
  onLimit: () => void = () => {};
  readonly #slab: Slab;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** The entry at `ref` is about to change. If it is frozen, its old content is kept for the flush. */
  beforeChange(space: SlotSpace, ref: Ref): void {
    const { words } = this.#slab.chunkOf(ref);
    const at = this.#slab.wordOf(ref);
    const flags = words[at + WORD_FLAGS] as number;
    if ((flags & FLAG_DIRTY) === 0) return;
    const sizeBytes = ENTRY_HEADER_BYTES + (flags & KEY_LENGTH_MASK) + (words[at + WORD_LENGTH] as number);
    const list = space.listOf(flags);
    list.sizeBytes -= sizeBytes;
    this.sizeBytes -= sizeBytes;
    if ((flags & FLAG_PARITY) === space.parity) return;
    const { frozen } = space;
    assert(frozen !== undefined, "an entry of the other parity is frozen");
    if (frozen.phase !== "writing") {
      encodeEntry(this.#slab, ref, { frozen, out: frozen.early });
    }
    list.refs[words[at + WORD_DIRTY_POSITION] as number] = 0;
    words[at + WORD_FLAGS] = flags & ~FLAG_DIRTY;
  }

  /** The entry at `ref` has changed, or is new. */
  afterChange(space: SlotSpace, ref: Ref): void {
    const { words } = this.#slab.chunkOf(ref);
    const at = this.#slab.wordOf(ref);
    const flags = words[at + WORD_FLAGS] as number;
    const sizeBytes = ENTRY_HEADER_BYTES + (flags & KEY_LENGTH_MASK) + (words[at + WORD_LENGTH] as number);
    let list = space.dirty;
    if (list === undefined) {
      list = new DirtyList();
      space.dirty = list;
    }
    if (flags & FLAG_DIRTY) {
      list.refs[words[at + WORD_DIRTY_POSITION] as number] = ref;
    } else {
      words[at + WORD_DIRTY_POSITION] = list.add(ref, this.#sortKey(ref));
      words[at + WORD_FLAGS] = (flags & ~FLAG_PARITY) | FLAG_DIRTY | space.parity;
    }
    list.sizeBytes += sizeBytes;
    this.sizeBytes += sizeBytes;
    if (!space.isQueued) this.enqueue(space);
    if (list.sizeBytes > this.slotLimitBytes || this.sizeBytes > this.limitBytes) this.onLimit();
  }

  /** A dirty entry was moved by the slab, its header with it. */
  moved(space: SlotSpace, to: Ref): void {
    const { words } = this.#slab.chunkOf(to);
    const at = this.#slab.wordOf(to);
    space.listOf(words[at + WORD_FLAGS] as number).refs[words[at + WORD_DIRTY_POSITION] as number] = to;
  }

  /** The slot's record differs from the one in the database, even if no entry is dirty. */
  enqueue(space: SlotSpace): void {
    if (space.isQueued || space.isDropped) return;
    space.isQueued = true;
    space.queuedSinceTick = this.tick;
    this.queue.push(space);
  }

  /** Takes all that is dirty of a slot now, as of its applied index, for the flusher. */
  freeze(space: SlotSpace): FrozenSet {
    assert(space.frozen === undefined, "a slot has at most one frozen set");
    const list = space.dirty ?? new DirtyList();
    const frozen: FrozenSet = {
      list,
      record: space.toRecord(),
      droppedTrees: new Set(space.droppedTrees),
      droppedGenerations: space.droppedGenerations,
      staleExpiryKeys: space.staleExpiryKeys,
      early: new EarlyWrites(),
      nextExpiryMs: Number.POSITIVE_INFINITY,
      phase: "held",
      isAbandoned: false,
    };
    space.dirty = undefined;
    space.droppedTrees = [];
    space.droppedGenerations = [];
    space.staleExpiryKeys = [];
    space.parity ^= FLAG_PARITY;
    space.frozen = frozen;
    space.isQueued = false;
    return frozen;
  }

  /** Entry `position` of a frozen set is in the database now. Answers its ref, or 0 if it has changed since. */
  clean(frozen: FrozenSet, position: number): Ref {
    const ref = frozen.list.refs[position] as number;
    if (ref === 0) return 0;
    const { words } = this.#slab.chunkOf(ref);
    const at = this.#slab.wordOf(ref);
    const flags = words[at + WORD_FLAGS] as number;
    const sizeBytes = ENTRY_HEADER_BYTES + (flags & KEY_LENGTH_MASK) + (words[at + WORD_LENGTH] as number);
    words[at + WORD_FLAGS] = flags & ~FLAG_DIRTY;
    frozen.list.refs[position] = 0;
    frozen.list.sizeBytes -= sizeBytes;
    this.sizeBytes -= sizeBytes;
    return ref;
  }

  /** A frozen set could not be written: its entries are dirty again, but for those that have changed since. */
  thaw(space: SlotSpace, frozen: FrozenSet): void {
    for (let position = 0; position < frozen.list.count && !frozen.isAbandoned; position++) {
      const ref = this.clean(frozen, position);
      if (ref !== 0) this.afterChange(space, ref);
    }
    space.frozen = undefined;
    if (!frozen.isAbandoned) {
      space.droppedTrees = [...frozen.droppedTrees, ...space.droppedTrees];
      space.staleExpiryKeys = [...frozen.staleExpiryKeys, ...space.staleExpiryKeys];
    }
    space.droppedGenerations = [...frozen.droppedGenerations, ...space.droppedGenerations];
    this.enqueue(space);
  }

  /**
   * Forgets all that is dirty of a slot: its generation was dropped, or goes back to what was flushed. Answers the
   * lists with the entries, which are not touched.
   */
  abandon(space: SlotSpace): readonly DirtyList[] {
    const lists: DirtyList[] = [];
    if (space.dirty !== undefined) lists.push(space.dirty);
    this.sizeBytes -= space.dirtyBytes;
    space.dirty = undefined;
    const { frozen } = space;
    if (frozen === undefined || frozen.isAbandoned) return lists;
    frozen.isAbandoned = true;
    this.sizeBytes -= frozen.list.sizeBytes;
    lists.push(frozen.list);
    if (frozen.phase === "writing") return lists;
    space.frozen = undefined;
    space.droppedGenerations = [...frozen.droppedGenerations, ...space.droppedGenerations];
    return lists;
  }

  /** Takes a slot out of the queue: it was dropped. */
  forget(space: SlotSpace): void {
    space.isQueued = false;
    this.queue = this.queue.filter((other) => other !== space);
  }

  #sortKey(ref: Ref): number {
    const { buf, words } = this.#slab.chunkOf(ref);
    const at = this.#slab.wordOf(ref);
    if (((words[at + WORD_FLAGS] as number) & FLAG_PAGE) === 0) return (words[at + WORD_HASH] as number) >>> 0;
    const key = (at << 2) + ENTRY_HEADER_BYTES;
    return PAGE_SORT_BASE + buf.readUInt16BE(key + 4) * 65536 + buf.readUInt16BE(key + 8);
  }
}
