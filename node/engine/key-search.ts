/**
 * The search for a key, from the root of a keyed tree to an element of a leaf, and the prefixes that it goes by (page.ts).
 * Hashes and, mostly, scores are evenly spread, so that a search can begin where the key should be between the bounds
 * that the pages above gave: each slot that it looks at in a large collection is a wait for memory. Prefixes that are
 * not spread cost it a few looks more than halving.
 */

import { readU32 } from "../base/bytes.ts";

const EMPTY = Buffer.alloc(0);
const TWO_32 = 0x1_0000_0000;
/** How far from a guess the next look is; a guess that is off by more than the second was none, and halving goes on. */
export const FIRST_STEP = 4;
export const LAST_STEP = 16;

/** The first four bytes of a key as a number, with zeros behind a shorter one: ordered as the keys are, but for ties. */
export function prefixOf(buf: Buffer, start: number, end: number): number {
  if (end - start >= 4) return readU32(buf, start);
  let prefix = 0;
  for (let i = 0; i < 4; i++) prefix = prefix * 256 + (start + i < end ? (buf[start + i] as number) : 0);
  return prefix;
}

export class KeySearch {
  /** The key is `buf[start, end)`. */
  buf: Buffer = EMPTY;
  start = 0;
  end = 0;
  prefix = 0;
  /** The prefixes of all keys below the page at hand lie in [low, high]. */
  low = 0;
  high = TWO_32;

  /** Begins at the root. */
  begin(buf: Buffer, start: number, end: number): void {
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.prefix = prefixOf(buf, start, end);
    this.low = 0;
    this.high = TWO_32;
  }

  /** How many of `count` keys come before this one if they are evenly spread, below `count`; -1: no guess. */
  guessAmong(count: number): number {
    const span = this.high - this.low;
    if (span <= 0) return -1;
    return Math.min(Math.floor(((this.prefix - this.low) / span) * count), count - 1);
  }
}
