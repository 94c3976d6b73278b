/**
 * Prefixes of keys: what the slots of keyed pages hold of the keys they lead to (page.ts), and where to look among them.
 * Hashes and, mostly, scores are evenly spread, so that a search can begin where the key should be: each slot that it looks
 * at in a large collection is a wait for memory. Prefixes that are not spread cost it two looks more than halving.
 */

import { readU32 } from "../base/bytes.ts";

/** Among fewer slots a search halves from the start: they lie in few lines of memory. */
export const MIN_GUESSED_SLOTS = 16;
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
