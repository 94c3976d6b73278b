/**
 * How an entry of the cache lies in its slab item: five 32-bit words, the key's bytes, the value's bytes.
 *
 *   word 0  sign bit (the slab's), flags, key length (low 16 bits)
 *   word 1  value length
 *   word 2  hash: of the user key under the table's seed, or of the page's key (hashPage)
 *   word 3  generation, its low 32 bits
 *   word 4  position in its slot's dirty list, while dirty
 *
 * The key of a page is its tree id u48 and page number u32 (10 bytes, big-endian).
 */

import type { PageNumber, TreeId } from "./transaction.ts";

export const WORD_FLAGS = 0;
export const WORD_LENGTH = 1;
export const WORD_HASH = 2;
export const WORD_GENERATION = 3;
export const WORD_DIRTY_POSITION = 4;
export const ENTRY_HEADER_BYTES = 20;

/** Read or written since the clock's hand last passed. */
export const FLAG_REFERENCED = 1 << 30;
/** Not yet in the database as it is here. */
export const FLAG_DIRTY = 1 << 29;
/** Which of a slot's two dirty lists holds it: the slot's `parity` when it became dirty. */
export const FLAG_PARITY = 1 << 28;
/** There is no such record: deleted, or looked for in vain. */
export const FLAG_ABSENT = 1 << 27;
/** A page; otherwise a record. */
export const FLAG_PAGE = 1 << 26;
export const KEY_LENGTH_MASK = 0xffff;

export const PAGE_KEY_BYTES = 10;
const TWO_32 = 0x1_0000_0000;

/** Writes the key of a page into `out[0, 10)`. */
export function writePageKey(out: Buffer, tree: TreeId, page: PageNumber): void {
  const high = Math.floor(tree / TWO_32);
  const low = tree >>> 0;
  out[0] = high >>> 8;
  out[1] = high;
  out[2] = low >>> 24;
  out[3] = low >>> 16;
  out[4] = low >>> 8;
  out[5] = low;
  out[6] = page >>> 24;
  out[7] = page >>> 16;
  out[8] = page >>> 8;
  out[9] = page;
}

/** A hash of a page's key, unsigned. Not seeded: no client chooses these numbers. */
export function hashPage(tree: TreeId, page: PageNumber): number {
  let h = Math.imul(tree | 0, 0x9e3779b1) ^ Math.imul(Math.floor(tree / TWO_32), 0x85ebca6b) ^ page;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The hash that the index knows an entry by: of its own hash, its generation and its kind. Signed. */
export function mixEntryHash(hash: number, generation: number, pageFlag: number): number {
  return hash ^ Math.imul(generation | 0, 0x9e3779b1) ^ pageFlag;
}

/** The key of a page as the cache looks for it; one object for all lookups. */
export class PageKey {
  readonly bytes: Buffer = Buffer.alloc(PAGE_KEY_BYTES);
  hash = 0;

  set(tree: TreeId, page: PageNumber): void {
    writePageKey(this.bytes, tree, page);
    this.hash = hashPage(tree, page);
  }
}
