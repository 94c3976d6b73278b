/**
 * Finds cache entries by generation, kind, hash and the key's bytes where they lie: no strings, no garbage.
 * Open addressing in typed arrays, in parts. A part holds at most 2^16 places and grows alone (extendible hashing: a
 * full part of the largest size is split by one more bit of the hash), so that no insert moves more than one part.
 * Invariants: an entry is in the part that the top bits of its mixed hash name; no gap lies between an entry's own
 * place and where it is (removal shifts back, there are no tombstones); at most 0.7 of a part's places are taken.
 */

import {
  ENTRY_HEADER_BYTES,
  FLAG_PAGE,
  KEY_LENGTH_MASK,
  mixEntryHash,
  WORD_FLAGS,
  WORD_GENERATION,
  WORD_HASH,
} from "./cache-entry.ts";
import type { Ref, Slab } from "./slab.ts";

const FIRST_PLACES = 256;
/** A rehash of this many places takes under a millisecond. */
const MAX_PLACES = 1 << 16;
const MAX_LOAD = 0.7;
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

export class ByteIndex {
  count = 0;
  /** Bytes of all tables. */
  sizeBytes = 0;
  readonly #slab: Slab;
  /** By the top `#depth` bits of the mixed hash. */
  #directory: Part[];
  #depth = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
    this.#directory = [this.#newPart(FIRST_PLACES, 0)];
  }

  /** The entry of that key, or 0. `pageFlag` is FLAG_PAGE or 0; the key is `buf[start, end)`. */
  find(generation: number, pageFlag: number, hash: number, buf: Buffer, start: number, end: number): Ref {
    const mixed = mixEntryHash(hash, generation, pageFlag);
    const part = this.#directory[(mixed >>> 1) >>> (31 - this.#depth)] as Part;
    const { table, mask } = part;
    const keyWord = pageFlag | (end - start);
    for (let at = mixed & mask; ; at = (at + 1) & mask) {
      const ref = table[2 * at] as number;
      if (ref === 0) return 0;
      if (table[2 * at + 1] !== mixed) continue;
      const chunk = this.#slab.chunkOf(ref);
      const word = this.#slab.wordOf(ref);
      if (((chunk.words[word + WORD_FLAGS] as number) & KEY_MASK) !== keyWord) continue;
      if (chunk.words[word + WORD_GENERATION] !== (generation | 0)) continue;
      if (hasBytes(chunk.buf, (word << 2) + ENTRY_HEADER_BYTES, buf, start, end)) return ref;
    }
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
  }

  /** Takes an entry out; its header must still be in place. */
  remove(ref: Ref): void {
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
    const mixed = this.#mixedOf(to);
    const part = this.#partOf(mixed);
    part.table[2 * this.#placeOf(part, from, mixed)] = to;
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
