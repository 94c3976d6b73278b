/**
 * A piece of a slot's records as the database has them: read for a scan, kept for the next one while nothing that was
 * dirty has become clean since. Invariant: up to `rangeEnd` no record of the database from `fromHash` on is missing.
 */

import { recordKeyHash } from "./key-codec.ts";
import type { LoadedRange } from "./slot-space.ts";
import type { StoreEntry } from "./store.ts";

/** One more than the largest hash. */
export const HASHES = 2 ** 32;

/** The part of a range from `fromHash` on, and up to where it is whole. */
export function rangePiece(
  range: LoadedRange | undefined,
  fromHash: number,
): { stored: readonly StoreEntry[]; endHash: number } {
  if (range === undefined) return { stored: [], endHash: HASHES };
  const { entries } = range;
  let low = 0;
  for (let high = entries.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (hashAt(entries, middle) < fromHash) low = middle + 1;
    else high = middle;
  }
  return { stored: low === 0 ? entries : entries.slice(low), endHash: rangeEnd(range) };
}

function hashAt(entries: readonly StoreEntry[], index: number): number {
  return recordKeyHash((entries[index] as StoreEntry).key);
}

/** Hashes from this one on may be missing in the range, in part or all. */
function rangeEnd({ entries, limit }: LoadedRange): number {
  return entries.length < limit ? HASHES : hashAt(entries, entries.length - 1);
}

/** Whether a scan from `fromHash` can begin with the range. */
export function rangeCovers(range: LoadedRange, fromHash: number): boolean {
  return range.fromHash <= fromHash && (range.fromHash === fromHash || rangeEnd(range) > fromHash);
}
