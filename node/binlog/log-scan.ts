/**
 * Reads the whole log once, in the order of the file, and gives each slot's entries: for recovery, where reading slot
 * by slot would read every segment once for each slot.
 * Refuses (never visits) slots with void entries: which of theirs count is known to their ranges only.
 */

import { ENTRY_HEADER_BYTES, KIND_RAFT_STATE, readU64 } from "./entry.ts";
import { FIRST_LOCAL_KIND } from "./local-record.ts";
import type { LogIndex, SlotLog } from "./log-index.ts";
import type { EntryBytes, LogReader } from "./reader.ts";
import { RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES } from "./segment.ts";

export type ScanVisitor = (log: SlotLog, entry: EntryBytes) => void;

export class LogScan {
  readonly #index: LogIndex;
  readonly #reader: LogReader;
  #segment = 0;
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
    this.#segment = index.segments.findIndex((segment) => segment.firstSequence >= first);
    if (this.#segment < 0) this.#segment = index.segments.length;
  }

  /** Visits the entries of the next `recordCount` records. False at the end of the log. */
  next(recordCount: number, visit: ScanVisitor): boolean {
    const { segments } = this.#index;
    try {
      for (let count = 0; count < recordCount; count++) {
        let segment = segments[this.#segment];
        while (segment !== undefined && this.#offset >= segment.sizeBytes) {
          this.#offset = SEGMENT_HEADER_BYTES;
          segment = segments[++this.#segment];
        }
        if (segment === undefined) return false;
        const entry = this.#reader.readRecord(segment, this.#offset);
        this.#offset += RECORD_HEADER_BYTES + entry.end - entry.start;
        this.#visit(entry, visit);
      }
      return true;
    } finally {
      this.#reader.release();
    }
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
