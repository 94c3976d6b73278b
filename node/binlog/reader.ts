/**
 * Reads entries of a slot back, for replication and recovery: from the tail in memory where it reaches, else from the
 * files. What it gives was written (a turn that is still being encoded is not seen).
 * Refuses a damaged record with OperatingError BinlogCorrupt, file and offset: it was whole at recovery.
 */

import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { OperatingError } from "../base/errors.ts";
import { ENTRY_HEADER_BYTES, KIND_RAFT_STATE, type Output, readU64, viewOf } from "./entry.ts";
import type { FileSystem, LogFile } from "./file-system.ts";
import { FIRST_LOCAL_KIND } from "./local-record.ts";
import type { Segment, SlotLog, SlotRange } from "./log-index.ts";
import { RECORD_HEADER_BYTES } from "./segment.ts";
import type { LogTail } from "./tail.ts";

/** Bytes read from a file at once: a few disk pages more than the distance of two marks. */
const WINDOW_BYTES = 256 * 1024;

/** An entry's body: `buf[start, end)`, valid until the visitor returns. */
export class EntryBytes implements Output {
  buf: Buffer = Buffer.alloc(0);
  view: DataView = viewOf(this.buf);
  start = 0;
  end = 0;
  /** The entry's crc. */
  crc = 0;
  index = 0;
}

/** Returns false to stop. */
export type EntryVisitor = (entry: EntryBytes) => boolean;

export class LogReader {
  readonly #files: FileSystem;
  readonly #tail: LogTail;
  readonly #entry = new EntryBytes();
  #window: Buffer = Buffer.alloc(0);
  #open: { readonly segment: Segment; readonly file: LogFile } | undefined;

  constructor(files: FileSystem, tail: LogTail) {
    this.#files = files;
    this.#tail = tail;
  }

  /**
   * Visits the entries of a slot from index `from` to index `to`, both included, in order.
   * Returns false, without a visit, where the log does not hold `from` any more.
   */
  read(log: SlotLog, span: { readonly from: number; readonly to: number }, visit: EntryVisitor): boolean {
    if (span.from > span.to) return true;
    if (span.from < log.firstIndex() || span.to > log.index) return false;
    let next = span.from;
    try {
      for (const range of log.ranges) {
        if (range.lastIndex < next) continue;
        const last = Math.min(range.lastIndex, span.to);
        if (!this.#readRange(log, range, { from: next, to: last, visit })) return true;
        next = last + 1;
        if (next > span.to) return true;
      }
    } finally {
      this.#close();
    }
    assert(next > span.to, "the ranges of a slot have no gaps");
    return true;
  }

  /** The crc and term of the entry at `index`, or undefined where the log does not hold it. */
  positionAt(log: SlotLog, index: number): { term: number; index: number; crc: number } | undefined {
    if (index === log.index) return { term: log.term, index, crc: log.crc };
    if (index === 0) return { term: 0, index: 0, crc: 0 };
    let found: { term: number; index: number; crc: number } | undefined;
    // The entry before the first one held is known by the crc that the first one carries, but not its term.
    this.read(log, { from: index, to: index }, (entry) => {
      found = { term: readU64(entry.view, entry.start + 8), index, crc: entry.crc };
      return false;
    });
    return found;
  }

  /**
   * The record that begins at `offset` of `segment`, valid until the next read; whatever it is. For reading the log
   * from end to end (log-scan.ts). `release` when done.
   */
  readRecord(segment: Segment, offset: number): EntryBytes {
    this.#load(segment, offset);
    return this.#entry;
  }

  /** Closes the file that `readRecord` left open. */
  release(): void {
    this.#close();
  }

  /** Reads one range; false when the visitor stopped. */
  #readRange(log: SlotLog, range: SlotRange, span: { from: number; to: number; visit: EntryVisitor }): boolean {
    const { segment } = range;
    const entry = this.#entry;
    const offset = markBefore(range, span.from);
    let next = offset.index;
    for (let at = offset.offset; next <= span.to; ) {
      this.#load(segment, at);
      const { view, start, end } = entry;
      if (isEntryOf(view, { start, end }, log) && readU64(view, start + 16) === next) {
        if (next >= span.from) {
          entry.index = next;
          if (!span.visit(entry)) return false;
        }
        next++;
      }
      at += RECORD_HEADER_BYTES + end - start;
    }
    return true;
  }

  /** Points the entry at the record at `offset` of `segment`. */
  #load(segment: Segment, offset: number): void {
    const entry = this.#entry;
    const chunk = this.#tail.find(segment, offset);
    if (chunk) {
      const at = offset - chunk.baseOffset;
      entry.buf = chunk.buf;
      entry.view = chunk.view;
      entry.start = at + RECORD_HEADER_BYTES;
      entry.end = entry.start + chunk.view.getUint32(at);
      entry.crc = chunk.view.getUint32(at + 4);
      return;
    }
    const at = this.#loadWindow(segment, offset, RECORD_HEADER_BYTES);
    const size = entry.view.getUint32(at);
    const again = this.#loadWindow(segment, offset, RECORD_HEADER_BYTES + size);
    entry.start = again + RECORD_HEADER_BYTES;
    entry.end = entry.start + size;
    entry.crc = entry.view.getUint32(again + 4);
    if (crc32(entry.buf, entry.start, entry.end) !== entry.crc) throw corrupt(segment.path, offset);
  }

  #windowSegment: Segment | undefined;
  #windowOffset = 0;
  #windowBytes = 0;

  /** Makes `sizeBytes` from `offset` on lie in the window; returns where they begin in it. */
  #loadWindow(segment: Segment, offset: number, sizeBytes: number): number {
    const entry = this.#entry;
    const isHeld =
      this.#windowSegment === segment &&
      offset >= this.#windowOffset &&
      offset + sizeBytes <= this.#windowOffset + this.#windowBytes;
    if (!isHeld) {
      if (offset + sizeBytes > segment.sizeBytes) throw corrupt(segment.path, offset);
      if (this.#window.length < sizeBytes) this.#window = Buffer.allocUnsafeSlow(Math.max(WINDOW_BYTES, sizeBytes));
      this.#windowBytes = this.#fileOf(segment).read(this.#window, offset);
      this.#windowBytes = Math.min(this.#windowBytes, segment.sizeBytes - offset);
      this.#windowSegment = segment;
      this.#windowOffset = offset;
      if (this.#windowBytes < sizeBytes) throw corrupt(segment.path, offset);
    }
    if (entry.buf !== this.#window) {
      entry.buf = this.#window;
      entry.view = viewOf(this.#window);
    }
    return offset - this.#windowOffset;
  }

  #fileOf(segment: Segment): LogFile {
    if (this.#open?.segment !== segment) {
      this.#close();
      this.#open = { segment, file: this.#files.open(segment.path, "read") };
    }
    return this.#open.file;
  }

  #close(): void {
    this.#open?.file.close();
    this.#open = undefined;
    this.#windowSegment = undefined;
    // A window that grew for one large entry is not kept.
    if (this.#window.length > WINDOW_BYTES) this.#window = Buffer.alloc(0);
  }
}

function markBefore(range: SlotRange, index: number): { readonly index: number; readonly offset: number } {
  let low = 0;
  let high = range.markIndexes.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((range.markIndexes[middle] as number) <= index) low = middle;
    else high = middle - 1;
  }
  return { index: range.markIndexes[low] as number, offset: range.markOffsets[low] as number };
}

/** Whether the body is an entry of the slot's chain. */
function isEntryOf(
  view: DataView,
  body: { readonly start: number; readonly end: number },
  log: { readonly table: number; readonly slot: number },
): boolean {
  const kind = view.getUint8(body.start);
  return (
    kind < FIRST_LOCAL_KIND &&
    kind !== KIND_RAFT_STATE &&
    body.end - body.start >= ENTRY_HEADER_BYTES &&
    view.getUint16(body.start + 2) === log.slot &&
    view.getUint32(body.start + 4) === log.table
  );
}

function corrupt(path: string, offset: number): OperatingError {
  return new OperatingError(
    "BinlogCorrupt",
    `${path}: no valid record at offset ${offset}; the file was damaged after it was written: restore it, or remove this node's data and let it fill again`,
    { data: { path, offset } },
  );
}
