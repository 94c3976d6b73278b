/**
 * The cache of records and pages: entries as bytes in a slab under an index by bytes; also of what is known not to
 * exist. Writes change entries here and mark them dirty; the flusher brings them to the database.
 *
 * Invariants
 * - Bytes of chunks and index stay within `cacheBytes` but for what is dirty and a few chunks of slack; `trim`, called
 *   between commands only, evicts clean entries (second chance) and gives chunks back.
 * - A dirty entry is never evicted. An entry whose generation no slot has is garbage, dirty or not.
 * - Nothing cached refers to memory of others: keys and values are copied in.
 */

import { ByteIndex } from "./byte-index.ts";
import {
  ENTRY_HEADER_BYTES,
  FLAG_ABSENT,
  FLAG_DIRTY,
  FLAG_PAGE,
  FLAG_REFERENCED,
  KEY_LENGTH_MASK,
  WORD_FLAGS,
  WORD_GENERATION,
  WORD_HASH,
  WORD_LENGTH,
} from "./cache-entry.ts";
import type { DirtyList } from "./dirty-list.ts";
import type { DirtyTracker } from "./dirty-tracker.ts";
import type { Generation } from "./key-codec.ts";
import type { OverlayEntry } from "./overlay-entry.ts";
import { hasRecordExpiry } from "./record-format.ts";
import { ALLOCATED, type Ref, type Slab, type SlabChunk } from "./slab.ts";
import type { FrozenSet, SlotSpace } from "./slot-space.ts";
import type { TreeId, View } from "./transaction.ts";

/** Below this a loop copies faster than a call (measured: a call costs about 35 ns). */
const LOOP_COPY_BYTES = 40;
/** A tombstone moves to a smaller item if it leaves more than this behind. */
const LARGE_TOMBSTONE_BYTES = 256;
/** Items that one `trim` looks at, so that it takes at most some 100 µs; what is left over is done by the next ones. */
const TRIM_STEPS = 4096;
/** Chunks of room that are kept free once the cache is full, so that an insert finds an item of its class. */
const RESERVE_CHUNKS = 4;

/** What is to become an entry without a transaction: read from the database on the thread pool. */
export interface LoadedEntry {
  readonly generation: Generation;
  readonly pageFlag: number;
  readonly hash: number;
  readonly key: Buffer;
  /** Undefined: known not to exist. */
  readonly value: Buffer | undefined;
}

export class RecordCache {
  readonly slab: Slab;
  readonly index: ByteIndex;
  readonly dirty: DirtyTracker;
  evictionCount = 0;
  /** Slots by the low 32 bits of their generation (signed). */
  readonly #spaces: ReadonlyMap<number, SlotSpace>;
  readonly #cacheBytes: number;
  readonly #reserveBytes: number;
  readonly #moved: (from: Ref, to: Ref) => void;
  #handChunk = 1;
  #handItem = 0;
  /** Items that a commit of several entries replaced: freed at its end, since Views may still lie in them. */
  readonly #retired: Ref[] = [];

  constructor(
    options: { readonly cacheBytes: number },
    deps: { readonly slab: Slab; readonly dirty: DirtyTracker; readonly spaces: ReadonlyMap<number, SlotSpace> },
  ) {
    this.slab = deps.slab;
    this.dirty = deps.dirty;
    this.#spaces = deps.spaces;
    this.index = new ByteIndex(deps.slab);
    this.#cacheBytes = options.cacheBytes;
    this.#reserveBytes = Math.min(RESERVE_CHUNKS * deps.slab.chunkBytes, options.cacheBytes / 4);
    this.#moved = (from, to) => this.#entryMoved(from, to);
  }

  /** Bytes of memory that the cache holds: chunks and index. */
  get sizeBytes(): number {
    return this.slab.usedBytes + this.index.sizeBytes;
  }

  /** Points `out` at the value of the entry at `ref`; false, with `out` untouched, if it says that there is none. */
  view(ref: Ref, out: View): boolean {
    const chunk = this.slab.chunkOf(ref);
    const { words } = chunk;
    const at = this.slab.wordOf(ref);
    const flags = words[at + WORD_FLAGS] as number;
    if ((flags & FLAG_REFERENCED) === 0) words[at + WORD_FLAGS] = flags | FLAG_REFERENCED;
    if (flags & FLAG_ABSENT) return false;
    const start = (at << 2) + ENTRY_HEADER_BYTES + (flags & KEY_LENGTH_MASK);
    out.buf = chunk.buf;
    out.start = start;
    out.end = start + (words[at + WORD_LENGTH] as number);
    return true;
  }

  /** Points `out` at the key of the entry at `ref`. */
  viewKey(ref: Ref, out: View): void {
    const { buf, words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    out.buf = buf;
    out.start = (at << 2) + ENTRY_HEADER_BYTES;
    out.end = out.start + ((words[at + WORD_FLAGS] as number) & KEY_LENGTH_MASK);
  }

  flagsOf(ref: Ref): number {
    return this.slab.chunkOf(ref).words[this.slab.wordOf(ref) + WORD_FLAGS] as number;
  }

  hashOf(ref: Ref): number {
    return (this.slab.chunkOf(ref).words[this.slab.wordOf(ref) + WORD_HASH] as number) >>> 0;
  }

  /** Bytes of key and value. */
  sizeOf(ref: Ref): number {
    const { words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    return ((words[at + WORD_FLAGS] as number) & KEY_LENGTH_MASK) + (words[at + WORD_LENGTH] as number);
  }

  /** Whether the record at `ref`, which exists, has an expiry. */
  hasExpiry(ref: Ref): boolean {
    const { buf, words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    return hasRecordExpiry(
      buf,
      (at << 2) + ENTRY_HEADER_BYTES + ((words[at + WORD_FLAGS] as number) & KEY_LENGTH_MASK),
    );
  }

  /**
   * Makes the entry's value what `entry` says and marks it dirty. `isAlone`: no other entry of the same commit may
   * have its value in this entry's memory, so that it can be overwritten in place.
   */
  write(space: SlotSpace, entry: OverlayEntry, isAlone: boolean): void {
    const { ref } = entry;
    const valueBytes = entry.head.length + entry.bodyEnd - entry.bodyStart;
    const sizeBytes = ENTRY_HEADER_BYTES + entry.keyEnd - entry.keyStart + valueBytes;
    if (ref === 0) {
      const made = this.#make(space.generation, entry, valueBytes);
      this.#copyValue(made, entry);
      this.index.insert(made);
      this.dirty.afterChange(space, made);
      return;
    }
    if (entry.undo === undefined) this.dirty.beforeChange(space, ref);
    if (isAlone && this.slab.fits(ref, sizeBytes)) {
      const { words } = this.slab.chunkOf(ref);
      const at = this.slab.wordOf(ref);
      words[at + WORD_FLAGS] = ((words[at + WORD_FLAGS] as number) & ~FLAG_ABSENT) | FLAG_REFERENCED;
      words[at + WORD_LENGTH] = valueBytes;
      this.#copyValue(ref, entry);
      this.dirty.afterChange(space, ref);
      return;
    }
    const moved = this.#make(space.generation, entry, valueBytes);
    this.#copyValue(moved, entry);
    this.#replace(ref, moved, isAlone);
    this.dirty.afterChange(space, moved);
  }

  /** The entry's page was edited in place: it has the length and content that `entry` says, and is dirty. */
  edited(space: SlotSpace, entry: OverlayEntry): void {
    const { words } = this.slab.chunkOf(entry.ref);
    words[this.slab.wordOf(entry.ref) + WORD_LENGTH] = entry.bodyEnd - entry.bodyStart;
    this.dirty.afterChange(space, entry.ref);
  }

  /** Makes the entry one that says "there is none", dirty until the database knows. */
  remove(space: SlotSpace, entry: OverlayEntry, isAlone: boolean): void {
    const { ref } = entry;
    if (ref === 0) {
      const made = this.#make(space.generation, entry, 0);
      this.#setAbsent(made);
      this.index.insert(made);
      this.dirty.afterChange(space, made);
      return;
    }
    if (entry.undo === undefined) this.dirty.beforeChange(space, ref);
    if (this.slab.chunkOf(ref).itemBytes <= ENTRY_HEADER_BYTES + LARGE_TOMBSTONE_BYTES) {
      this.#setAbsent(ref);
      this.dirty.afterChange(space, ref);
      return;
    }
    const moved = this.#make(space.generation, entry, 0);
    this.#setAbsent(moved);
    this.#replace(ref, moved, isAlone);
    this.dirty.afterChange(space, moved);
  }

  /** Frees what the commit of several entries replaced. */
  endCommit(): void {
    for (const ref of this.#retired) this.slab.free(ref);
    this.#retired.length = 0;
  }

  /** Takes in what a transaction read from the database. */
  insertLoaded(space: SlotSpace, entry: OverlayEntry): void {
    const made = this.#make(space.generation, entry, entry.bodyEnd - entry.bodyStart);
    if (entry.existed) this.#copyValue(made, entry);
    else this.#setAbsent(made);
    this.index.insert(made);
  }

  /** Takes in what was read meanwhile, unless the cache knows better by now. */
  insertRead(loaded: LoadedEntry): void {
    const { generation, pageFlag, hash, key, value } = loaded;
    if (this.index.findLoaded(loaded) !== 0) return;
    const made = this.slab.allocate(ENTRY_HEADER_BYTES + key.length + (value?.length ?? 0));
    this.#writeHeader(made, {
      generation,
      hash,
      flags: pageFlag | key.length | FLAG_REFERENCED,
      length: value?.length ?? 0,
    });
    const { buf } = this.slab.chunkOf(made);
    const at = (this.slab.wordOf(made) << 2) + ENTRY_HEADER_BYTES;
    key.copy(buf, at);
    if (value) value.copy(buf, at + key.length);
    else this.#setAbsent(made);
    this.index.insert(made);
  }

  /** A frozen entry is in the database now and clean: what need not be kept is freed. */
  settled(space: SlotSpace, frozen: FrozenSet, ref: Ref): void {
    const flags = this.flagsOf(ref);
    if (flags & FLAG_ABSENT) {
      if (space.isComplete) this.drop(ref);
    } else if (this.isOfTrees(ref, frozen.droppedTrees)) {
      space.sizeBytes -= this.sizeOf(ref);
      this.drop(ref);
    }
  }

  /** Whether the entry is a page of one of these trees. */
  isOfTrees(ref: Ref, trees: ReadonlySet<TreeId>): boolean {
    if (trees.size === 0 || (this.flagsOf(ref) & FLAG_PAGE) === 0) return false;
    const { buf } = this.slab.chunkOf(ref);
    return trees.has(buf.readUIntBE((this.slab.wordOf(ref) << 2) + ENTRY_HEADER_BYTES, 6));
  }

  /** Frees the entries of abandoned lists: they must not come back if the slot goes back to their generation. */
  dropListed(lists: readonly DirtyList[]): void {
    for (const { refs, count } of lists) {
      for (let i = 0; i < count; i++) if (refs[i] !== 0) this.drop(refs[i] as number);
    }
  }

  /** Frees an entry. */
  drop(ref: Ref): void {
    this.index.remove(ref);
    this.slab.free(ref);
  }

  /**
   * Brings the cache back within its limit. Only between commands: Views into it end here.
   * Where too much is dirty it stays above until the flusher has worked.
   */
  trim(): void {
    const { slab } = this;
    const limit = this.#cacheBytes;
    if (this.sizeBytes + slab.chunkBytes <= limit) return;
    for (let steps = 0; slab.usedBytes - slab.liveBytes < this.#reserveBytes && steps < TRIM_STEPS; steps++)
      this.#advance();
    for (let steps = 0; this.sizeBytes > limit && steps < TRIM_STEPS; ) {
      if (slab.compact(this.#moved)) {
        steps += 64;
        continue;
      }
      for (let i = 0; i < 64; i++) this.#advance();
      steps += 64;
    }
  }

  /** Frees garbage of dropped generations among the next `count` items; true when the end of memory was reached. */
  sweep(hand: { chunk: number; item: number }, count: number): boolean {
    const { chunks } = this.slab;
    for (let steps = 0; steps < count; steps++) {
      const chunk = chunks[hand.chunk];
      if (chunk === undefined || hand.item >= chunk.startedCount) {
        hand.chunk++;
        hand.item = 0;
        if (hand.chunk >= chunks.length) return true;
        continue;
      }
      const at = (hand.item * chunk.itemBytes) >>> 2;
      const ref = chunk.refOf(hand.item++);
      if ((chunk.words[at] as number) >= 0) continue;
      if (!this.#spaces.has(chunk.words[at + WORD_GENERATION] as number)) this.drop(ref);
    }
    return false;
  }

  /** Moves the clock's hand by one item: evicts a clean entry that was not used since the hand last passed. */
  #advance(): void {
    const { chunks } = this.slab;
    let chunk = chunks[this.#handChunk];
    while (chunk === undefined || this.#handItem >= chunk.startedCount) {
      this.#handItem = 0;
      this.#handChunk++;
      if (this.#handChunk >= chunks.length) {
        this.#handChunk = 0;
        return;
      }
      chunk = chunks[this.#handChunk];
    }
    const index = this.#handItem++;
    this.#evict(chunk, index);
  }

  #evict(chunk: SlabChunk, index: number): void {
    const at = (index * chunk.itemBytes) >>> 2;
    const flags = chunk.words[at + WORD_FLAGS] as number;
    // A free item has no bit of sign.
    if (flags >= 0) return;
    const space = this.#spaces.get(chunk.words[at + WORD_GENERATION] as number);
    if (space !== undefined) {
      if (flags & FLAG_DIRTY) return;
      if (flags & FLAG_REFERENCED) {
        chunk.words[at + WORD_FLAGS] = flags & ~FLAG_REFERENCED;
        return;
      }
      if ((flags & FLAG_ABSENT) === 0) space.isComplete = false;
    }
    this.evictionCount++;
    this.drop(chunk.refOf(index));
  }

  #entryMoved(from: Ref, to: Ref): void {
    this.index.replace(from, to);
    const { words } = this.slab.chunkOf(to);
    const at = this.slab.wordOf(to);
    if (((words[at + WORD_FLAGS] as number) & FLAG_DIRTY) === 0) return;
    const space = this.#spaces.get(words[at + WORD_GENERATION] as number);
    if (space !== undefined) this.dirty.moved(space, to);
  }

  /** A new item with header and key; dirty state and position are taken over from the entry's item, if it has one. */
  #make(generation: Generation, entry: OverlayEntry, valueBytes: number): Ref {
    const { keyBuf, keyStart, keyEnd, ref: previous } = entry;
    const keyBytes = keyEnd - keyStart;
    const made = this.slab.allocate(ENTRY_HEADER_BYTES + keyBytes + valueBytes);
    const { words, buf } = this.slab.chunkOf(made);
    const at = this.slab.wordOf(made);
    let flags = ALLOCATED | FLAG_REFERENCED | entry.pageFlag | keyBytes;
    if (previous !== 0) {
      const old = this.slab.chunkOf(previous).words;
      const from = this.slab.wordOf(previous);
      flags |= (old[from + WORD_FLAGS] as number) & ~(FLAG_ABSENT | KEY_LENGTH_MASK);
      words[at + 4] = old[from + 4] as number;
    }
    words[at + WORD_FLAGS] = flags;
    words[at + WORD_LENGTH] = valueBytes;
    words[at + WORD_HASH] = entry.hash;
    words[at + WORD_GENERATION] = generation;
    copyBytes(keyBuf, keyStart, keyEnd, buf, (at << 2) + ENTRY_HEADER_BYTES);
    return made;
  }

  #writeHeader(
    ref: Ref,
    header: { readonly generation: Generation; readonly hash: number; readonly flags: number; readonly length: number },
  ): void {
    const { words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    words[at + WORD_FLAGS] = ALLOCATED | header.flags;
    words[at + WORD_LENGTH] = header.length;
    words[at + WORD_HASH] = header.hash;
    words[at + WORD_GENERATION] = header.generation;
  }

  #setAbsent(ref: Ref): void {
    const { words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    words[at + WORD_FLAGS] = (words[at + WORD_FLAGS] as number) | FLAG_ABSENT;
    words[at + WORD_LENGTH] = 0;
  }

  /** Copies the value in; the body first, since it may lie in this very item, one header further. */
  #copyValue(ref: Ref, entry: OverlayEntry): void {
    const { buf, words } = this.slab.chunkOf(ref);
    const at = this.slab.wordOf(ref);
    const start = (at << 2) + ENTRY_HEADER_BYTES + ((words[at + WORD_FLAGS] as number) & KEY_LENGTH_MASK);
    const { head } = entry;
    copyBytes(entry.body, entry.bodyStart, entry.bodyEnd, buf, start + head.length);
    for (let i = 0; i < head.length; i++) buf[start + i] = head[i] as number;
  }

  #replace(ref: Ref, by: Ref, isAlone: boolean): void {
    this.index.replace(ref, by);
    if (isAlone) this.slab.free(ref);
    else this.#retired.push(ref);
  }
}

function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > LOOP_COPY_BYTES || from === to) {
    from.copy(to, at, start, end);
    return;
  }
  let out = at;
  for (let i = start; i < end; i++) to[out++] = from[i] as number;
}
