/**
 * Reads the whole log once, in the order of the file, and gives each slot's entries: for recovery, where reading slot
 * by slot would read every segment once for each slot.
 * Between two calls the oldest segments may go: what was in them is in the database by then, and is passed over.
 * Refuses (never visits) slots with void entries: which of theirs count is known to their ranges only.
 */

import { ENTRY_HEADER_BYTES, KIND_RAFT_STATE, readU64 } from "./entry.ts";
import { FIRST_LOCAL_KIND } from "./local-record.ts";
import type { LogIndex, Segment, SlotLog } from "./log-index.ts";
import type { EntryBytes, LogReader } from "./reader.ts";
import { RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "./segment.ts";

export type ScanVisitor = (log: SlotLog, entry: EntryBytes) => void;

export class LogScan {
  readonly #index: LogIndex;
  readonly #reader: LogReader;
  /** Where the scan is; by itself, since places in `index.segments` move when segments go. */
  #segment: Segment | undefined;
  #offset = SEGMENT_HEADER_BYTES;

  /** Begins at the first segment that holds an entry of a slot behind the index that `appliedOf` says. */
  constructor(index: LogIndex, reader: LogReader, appliedOf: (log: SlotLog) => number) {
    this.#index = index;
    this.#reader = reader;
    let first = Number.POSITIVE_INFINITY;
    for (const log of index.slots()) {
      const range = log.ranges.find(({ lastIndex }) => lastIndex > appliedOf(log));
      if (range) first = Math.min(first, range.segment.firstSequence);
    }
    this.#segment = index.segments.find((segment) => segment.firstSequence >= first);
  }

  /** Visits the entries of the next `recordCount` records. False at the end of the log. */
  next(recordCount: number, visit: ScanVisitor): boolean {
    this.#passOverRemoved();
    try {
      for (let count = 0; count < recordCount; count++) {
        while (this.#segment !== undefined && this.#offset >= this.#segment.sizeBytes) this.#enterNext(this.#segment);
        if (this.#segment === undefined) return false;
        const entry = this.#reader.readRecord(this.#segment, this.#offset);
        this.#offset += RECORD_HEADER_BYTES + entry.end - entry.start;
        this.#visit(entry, visit);
      }
      return true;
    } finally {
      this.#reader.release();
    }
  }

  #passOverRemoved(): void {
    const segment = this.#segment;
    if (segment !== undefined && !this.#index.segments.includes(segment)) this.#enterNext(segment);
  }

  /** Goes to the beginning of the segment that follows. */
  #enterNext({ firstSequence }: Segment): void {
    this.#segment = this.#index.segments.find((segment) => segment.firstSequence > firstSequence);
    this.#offset = SEGMENT_HEADER_BYTES;
  }

  #visit(entry: EntryBytes, visit: ScanVisitor): void {
    const { view, start, end } = entry;
    const kind = view.getUint8(start);
    if (kind >= FIRST_LOCAL_KIND || kind === KIND_RAFT_STATE || end - start < ENTRY_HEADER_BYTES) return;
    const log = this.#index.find(view.getUint32(start + 4), view.getUint16(start + 2));
    if (log === undefined || log.hasVoidEntries) return;
    entry.index = readU64(view, start + 16);
    visit(log, entry);
  }
}
