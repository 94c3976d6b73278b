/**
 * What an attempt of a transaction wants that is not cached: whether it is read at once or ends the attempt with MISS,
 * and the load before the next attempt.
 */

import { assert } from "../base/assert.ts";
import { rangeCovers } from "./loaded-range.ts";
import type { MissedEntry, ReadPath } from "./read-path.ts";
import type { LoadedRange, SlotSpace } from "./slot-space.ts";
import { MISS } from "./transaction.ts";

/** Records that a scan reads at first; eight times as many each time it needs more. */
const FIRST_RANGE_ENTRIES = 128;
const RANGE_GROWTH = 8;

type Missed =
  | { readonly kind: "entry"; readonly entry: MissedEntry }
  | { readonly kind: "range"; readonly space: SlotSpace; readonly fromHash: number; readonly limit: number };

export class Misses {
  count = 0;
  /** Whether records and pages are read on this thread to the end of the transaction. */
  isForcedSync = false;
  readonly #reads: ReadPath;
  #missed: Missed | undefined;

  constructor(reads: ReadPath) {
    this.#reads = reads;
  }

  forget(): void {
    this.#missed = undefined;
  }

  /** Reads what made the last attempt throw MISS. Rejects with the database's OperatingError. */
  load(): Promise<void> {
    const missed = this.#missed;
    this.#missed = undefined;
    assert(missed !== undefined, "something was missed");
    if (missed.kind === "entry") return this.#reads.load(missed.entry);
    return this.#reads.loadRange(missed.space, missed.fromHash, missed.limit);
  }

  /** Whether what is not cached is to be read on the thread pool rather than here. */
  mustMiss(): boolean {
    this.count++;
    return this.#reads.shouldMiss(this.isForcedSync);
  }

  /** Remembers what was missing and ends the attempt. */
  missEntry(entry: MissedEntry): never {
    this.#missed = { kind: "entry", entry };
    throw MISS;
  }

  /** The database's records that a scan from `fromHash` begins with, or undefined where the database has none. */
  rangeFrom(space: SlotSpace, fromHash: number): LoadedRange | undefined {
    if (space.isComplete && space.settleCount === 0) return undefined;
    const { range } = space;
    const isFresh = range?.generation === space.generation && range.settleCount === space.settleCount;
    if (range !== undefined && isFresh && rangeCovers(range, fromHash)) return range;
    return this.missRange(space, fromHash, undefined);
  }

  /** Ends the attempt of a scan that needs more records from `fromHash` on than `tooShort`, if there was one, has. */
  missRange(space: SlotSpace, fromHash: number, tooShort: LoadedRange | undefined): never {
    this.count++;
    const limit = tooShort?.fromHash === fromHash ? tooShort.limit * RANGE_GROWTH : FIRST_RANGE_ENTRIES;
    this.#missed = { kind: "range", space, fromHash, limit };
    throw MISS;
  }
}
