/**
 * Finds cache entries by generation, kind, hash and the key's bytes where they lie: no strings, no garbage.
 * Open addressing in typed arrays, in parts. A part holds at most 2^16 places and grows alone (extendible hashing: a
 * full part of the largest size is split by one more bit of the hash), so that no insert moves more than one part.
 * Invariants: an entry is in the part that the top bits of its mixed hash name; no gap lies between an entry's own
 * place and where it is (removal shifts back, there are no tombstones); at most 0.7 of a part's places are taken.
 */

import { readU32 } from "../base/bytes.ts";
import {
  ENTRY_HEADER_BYTES,
  FLAG_PAGE,
  KEY_LENGTH_MASK,
  mixEntryHash,
  PAGE_KEY_BYTES,
  type PageKey,
  WORD_FLAGS,
  WORD_GENERATION,
  WORD_HASH,
} from "./cache-entry.ts";
import type { Ref, Slab } from "./slab.ts";

const FIRST_PLACES = 256;
/** A rehash of this many places takes under a millisecond. */
const MAX_PLACES = 1 << 16;
const MAX_LOAD = 0.7;
/** Where a page starts in its entry, and the steps of its length (page.ts): its item tells the length of most. */
const PAGE_VALUE_OFFSET = ENTRY_HEADER_BYTES + PAGE_KEY_BYTES;
const PAGE_STEP_BYTES = 512;
/** Places of the pages' own table: at first, and at most (4 MiB; pages beyond that many share places). */
const FIRST_PAGE_PLACES = 256;
const MAX_PAGE_PLACES = 1 << 20;
const KEY_MASK = FLAG_PAGE | KEY_LENGTH_MASK;

class Part {
  /** Ref and mixed hash of each place in turn; ref 0 is an empty place. */
  table: Int32Array;
  mask: number;
  count = 0;
  growAt: number;
  /** How many top bits of the hash all its entries share. */
  readonly depth: number;

  constructor(places: number, depth: number) {
    this.table = new Int32Array(2 * places);
    this.mask = places - 1;
    this.growAt = Math.floor(places * MAX_LOAD);
    this.depth = depth;
  }

  add(ref: Ref, mixed: number): void {
    const { table, mask } = this;
    let at = mixed & mask;
    while (table[2 * at] !== 0) at = (at + 1) & mask;
    table[2 * at] = ref;
    table[2 * at + 1] = mixed;
    this.count++;
  }
}

/** What names an entry; `pageFlag` is FLAG_PAGE or 0. */
interface LoadedKey {
  readonly generation: number;
  readonly pageFlag: number;
  readonly hash: number;
  readonly key: Buffer;
}

export class ByteIndex {
  count = 0;
  /** Bytes of all tables. */
  sizeBytes = 4 * FIRST_PAGE_PLACES;
  readonly #slab: Slab;
  /** By the top `#depth` bits of the mixed hash. */
  #directory: Part[];
  #depth = 0;
  /**
   * Refs of pages, each at a place that its tree and number name: pages of one tree lie side by side, where places by hash
   * would each be in a line of memory of their own. What is there is 0 or an entry that is in the index, of whatever
   * page: so whoever looks compares the key, and what leaves the index leaves this table.
   */
  #pages = new Int32Array(FIRST_PAGE_PLACES);
  #pageCount = 0;
  /** Of what is looked for. */
  #generation = 0;
  /** What lay there: read by nobody, so that the read is made. */
  touched = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
    this.#directory = [this.#newPart(FIRST_PLACES, 0)];
  }

  /** The entry of the record whose key is `buf[start, end)`, or 0. */
  find(generation: number, hash: number, buf: Buffer, start: number, end: number): Ref {
    this.#generation = generation | 0;
    return this.#findIn(mixEntryHash(hash, generation, 0), end - start, buf, start, end);
  }

  /** The entry of the record or page that was read from the database, or 0. */
  findLoaded({ generation, pageFlag, hash, key }: LoadedKey): Ref {
    this.#generation = generation | 0;
    return this.#findIn(mixEntryHash(hash, generation, pageFlag), pageFlag | key.length, key, 0, key.length);
  }

  /** The entry of `#generation` with that mixed hash, word of flag and length, and key. */
  #findIn(mixed: number, keyWord: number, buf: Buffer, start: number, end: number): Ref {
    const part = this.#directory[(mixed >>> 1) >>> (31 - this.#depth)] as Part;
    const { table, mask } = part;
    for (let at = mixed & mask; ; at = (at + 1) & mask) {
      const ref = table[2 * at] as number;
      if (ref === 0) return 0;
      if (table[2 * at + 1] !== mixed) continue;
      const chunk = this.#slab.chunkOf(ref);
      const word = this.#slab.wordOf(ref);
      if (((chunk.words[word + WORD_FLAGS] as number) & KEY_MASK) !== keyWord) continue;
      if (chunk.words[word + WORD_GENERATION] !== this.#generation) continue;
      if (hasBytes(chunk.buf, (word << 2) + ENTRY_HEADER_BYTES, buf, start, end)) return ref;
    }
  }

  /**
   * The same for a page, by its key. With `lookBeforeEnd` the line of memory so many bytes before the page's end is asked for with that
   * of its header, whose length it would have to wait for: two waits at once.
   */
  findPage(generation: number, key: PageKey, lookBeforeEnd: number): Ref {
    const { bytes, hash } = key;
    const place = this.#pagePlace(bytes, 0);
    const known = this.#pages[place] as number;
    if (known !== 0) {
      const chunk = this.#slab.chunkOf(known);
      const word = this.#slab.wordOf(known);
      if (lookBeforeEnd !== 0) {
        const length = chunk.itemBytes - ((chunk.itemBytes - PAGE_VALUE_OFFSET) % PAGE_STEP_BYTES);
        this.touched = chunk.buf[(word << 2) + Math.max(0, length - lookBeforeEnd)] as number;
      }
      if (
        chunk.words[word + WORD_HASH] === (hash | 0) &&
        chunk.words[word + WORD_GENERATION] === (generation | 0) &&
        hasBytes(chunk.buf, (word << 2) + ENTRY_HEADER_BYTES, bytes, 0, PAGE_KEY_BYTES)
      ) {
        return known;
      }
    }
    this.#generation = generation | 0;
    const mixed = mixEntryHash(hash, generation, FLAG_PAGE);
    const ref = this.#findIn(mixed, FLAG_PAGE | PAGE_KEY_BYTES, bytes, 0, PAGE_KEY_BYTES);
    if (ref !== 0) this.#pages[place] = ref;
    return ref;
  }

  /** Adds an entry whose header and key are in place. It must not be there yet. */
  insert(ref: Ref): void {
    const mixed = this.#mixedOf(ref);
    let part = this.#partOf(mixed);
    while (part.count >= part.growAt) {
      this.#grow(part, mixed);
      part = this.#partOf(mixed);
    }
    part.add(ref, mixed);
    this.count++;
    if (!this.#setPage(ref, ref)) return;
    this.#pageCount++;
    this.#growPages();
  }

  /** Takes an entry out; its header must still be in place. */
  remove(ref: Ref): void {
    if (this.#setPage(ref, 0)) this.#pageCount--;
    const mixed = this.#mixedOf(ref);
    const part = this.#partOf(mixed);
    const { table, mask } = part;
    let hole = this.#placeOf(part, ref, mixed);
    part.count--;
    this.count--;
    for (let at = (hole + 1) & mask; table[2 * at] !== 0; at = (at + 1) & mask) {
      const home = (table[2 * at + 1] as number) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      table[2 * hole] = table[2 * at] as number;
      table[2 * hole + 1] = table[2 * at + 1] as number;
      hole = at;
    }
    table[2 * hole] = 0;
  }

  /** The entry at `from` is now at `to`, with the same key; the header at `to` is in place. */
  replace(from: Ref, to: Ref): void {
    this.#setPage(to, to);
    const mixed = this.#mixedOf(to);
    const part = this.#partOf(mixed);
    part.table[2 * this.#placeOf(part, from, mixed)] = to;
  }

  /** Where the page whose key lies at `buf[at]` is remembered. */
  #pagePlace(buf: Buffer, at: number): number {
    return (Math.imul(readU32(buf, at + 2), 0x9e3779b1) + readU32(buf, at + 6)) & (this.#pages.length - 1);
  }

  /** Makes `by` what is remembered at the place of the entry at `ref`, if that is a page. Answers whether it is. */
  #setPage(ref: Ref, by: Ref): boolean {
    const { words, buf } = this.#slab.chunkOf(ref);
    const word = this.#slab.wordOf(ref);
    if (((words[word + WORD_FLAGS] as number) & FLAG_PAGE) === 0) return false;
    this.#pages[this.#pagePlace(buf, (word << 2) + ENTRY_HEADER_BYTES)] = by;
    return true;
  }

  /** A larger table, for as many pages as there are: it fills as they are looked for. */
  #growPages(): void {
    const { length } = this.#pages;
    if (this.#pageCount <= length || length === MAX_PAGE_PLACES) return;
    this.sizeBytes += 4 * length;
    this.#pages = new Int32Array(2 * length);
  }

  #mixedOf(ref: Ref): number {
    const { words } = this.#slab.chunkOf(ref);
    const word = this.#slab.wordOf(ref);
    const pageFlag = (words[word + WORD_FLAGS] as number) & FLAG_PAGE;
    return mixEntryHash(words[word + WORD_HASH] as number, words[word + WORD_GENERATION] as number, pageFlag);
  }

  #partOf(mixed: number): Part {
    return this.#directory[(mixed >>> 1) >>> (31 - this.#depth)] as Part;
  }

  #placeOf(part: Part, ref: Ref, mixed: number): number {
    const { table, mask } = part;
    let at = mixed & mask;
    while (table[2 * at] !== ref) at = (at + 1) & mask;
    return at;
  }

  #newPart(places: number, depth: number): Part {
    this.sizeBytes += 8 * places;
    return new Part(places, depth);
  }

  #grow(part: Part, mixed: number): void {
    const places = part.mask + 1;
    if (places < MAX_PLACES) {
      const grown = this.#newPart(2 * places, part.depth);
      for (let i = 0; i < part.table.length; i += 2) {
        if (part.table[i] !== 0) grown.add(part.table[i] as number, part.table[i + 1] as number);
      }
      this.#put(grown, mixed);
    } else {
      this.#split(part, mixed);
    }
    this.sizeBytes -= 8 * places;
  }

  #split(part: Part, mixed: number): void {
    if (part.depth === this.#depth) {
      this.#directory = this.#directory.flatMap((each) => [each, each]);
      this.#depth++;
    }
    const depth = part.depth + 1;
    const bit = 1 << (32 - depth);
    const low = this.#newPart(MAX_PLACES, depth);
    const high = this.#newPart(MAX_PLACES, depth);
    for (let i = 0; i < part.table.length; i += 2) {
      if (part.table[i] === 0) continue;
      const each = part.table[i + 1] as number;
      (each & bit ? high : low).add(part.table[i] as number, each);
    }
    this.#put(low, mixed & ~bit);
    this.#put(high, mixed | bit);
  }

  /** Enters `part` in the directory wherever the top bits of `mixed` that it stands for say so. */
  #put(part: Part, mixed: number): void {
    const span = 1 << (this.#depth - part.depth);
    const first = Math.floor(((mixed >>> 1) >>> (31 - this.#depth)) / span) * span;
    for (let i = 0; i < span; i++) this.#directory[first + i] = part;
  }
}

function hasBytes(bytes: Buffer, offset: number, buf: Buffer, start: number, end: number): boolean {
  let at = offset;
  for (let i = start; i < end; i++) if (buf[i] !== bytes[at++]) return false;
  return true;
}
