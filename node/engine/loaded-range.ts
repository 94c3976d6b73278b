/**
 * A piece of a slot's records as the database has them: read for a scan, kept for the next one while nothing that was
 * dirty has become clean since. Invariant: up to `rangeEnd` no record of the database from `fromHash` on is missing.
 */

import { RecordPack } from "./record-pack.ts";
import type { LoadedRange } from "./slot-space.ts";

/** One more than the largest hash. */
export const HASHES = 2 ** 32;

const NOTHING = new RecordPack();

/** Records of the database: those of `pack` from number `from` on. */
export interface StoredPiece {
  readonly pack: RecordPack;
  readonly from: number;
  /** Records of hashes from this one on may be missing. */
  readonly endHash: number;
}

/** The part of a range from `fromHash` on, and up to where it is whole. */
export function rangePiece(range: LoadedRange | undefined, fromHash: number): StoredPiece {
  if (range === undefined) return { pack: NOTHING, from: 0, endHash: HASHES };
  return { pack: range.pack, from: range.pack.firstFrom(fromHash), endHash: rangeEnd(range) };
}

/** Hashes from this one on may be missing in the range, in part or all. */
function rangeEnd({ pack, limit }: LoadedRange): number {
  return pack.count < limit ? HASHES : pack.hashAt(pack.count - 1);
}

/** Whether a scan from `fromHash` can begin with the range. */
export function rangeCovers(range: LoadedRange, fromHash: number): boolean {
  return range.fromHash <= fromHash && (range.fromHash === fromHash || rangeEnd(range) > fromHash);
}
