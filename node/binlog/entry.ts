/**
 * The codec of log entries (docs/formats/binlog.md): one fixed 48-byte header, then argument lists.
 * It writes straight from an Argv into a buffer and reads back as ranges of that buffer: no slices, no strings.
 * A body's bytes are the same on the leader, on followers and on disk.
 * Refuses (answers undefined or false) what is not well formed; what is read here has passed its CRC before.
 *
 * Example: `SET k v`, table 1, slot 5, term 1, index 1, level 1 is the 69 bytes at the end of binlog.md.
 */

import type { Argv } from "../base/argv.ts";

export const ENTRY_HEADER_BYTES = 48;

export const KIND_COMMANDS = 1;
export const KIND_RAFT_STATE = 2;
const KIND_CONFIG = 3;
export const KIND_NOOP = 4;

const U32 = 0x1_0000_0000;
/** Up to this size a byte loop is faster than a native copy, which costs some 50 ns a call. */
const SMALL_COPY_BYTES = 64;

/** The fixed part of an entry. One object is reused for many entries. */
export class EntryHeader {
  kind = KIND_COMMANDS;
  slot = 0;
  table = 0;
  term = 0;
  /** Of raft state: the commit index. */
  index = 0;
  nowMs = 0;
  seed = 0;
  previousCrc = 0;
  level = 0;
  /** Number of commands. */
  count = 0;
}

/** Where bytes are encoded to: a buffer and a view of the same memory. */
export interface Output {
  readonly buf: Buffer;
  readonly view: DataView;
}

/** A DataView of the same bytes as `buf`. */
export function viewOf(buf: Uint8Array): DataView {
  return new DataView(buf.buffer, buf.byteOffset, buf.byteLength);
}

export function readU64(view: DataView, at: number): number {
  return view.getUint32(at) * U32 + view.getUint32(at + 4);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / U32));
  view.setUint32(at + 4, value >>> 0);
}

/** Bytes of one command within an entry's payload. */
export function commandSizeBytes(argv: Argv): number {
  return 4 + 4 * argv.count + argv.sizeBytes();
}

/** Writes the header at `at`; returns the position behind it. */
export function writeHeader(view: DataView, at: number, header: EntryHeader): number {
  view.setUint32(at, header.kind * 0x1000000 + header.slot);
  view.setUint32(at + 4, header.table);
  writeU64(view, at + 8, header.term);
  writeU64(view, at + 16, header.index);
  writeU64(view, at + 24, header.nowMs);
  view.setUint32(at + 32, header.seed);
  view.setUint32(at + 36, header.previousCrc);
  view.setUint32(at + 40, header.level * 0x10000);
  view.setUint32(at + 44, header.count);
  return at + ENTRY_HEADER_BYTES;
}

/** Fills `header` from the body that starts at `at`; at least 48 bytes lie there. */
export function readHeader(view: DataView, at: number, header: EntryHeader): void {
  header.kind = view.getUint8(at);
  header.slot = view.getUint16(at + 2);
  header.table = view.getUint32(at + 4);
  header.term = readU64(view, at + 8);
  header.index = readU64(view, at + 16);
  header.nowMs = readU64(view, at + 24);
  header.seed = view.getUint32(at + 32);
  header.previousCrc = view.getUint32(at + 36);
  header.level = view.getUint16(at + 40);
  header.count = view.getUint32(at + 44);
}

/** Writes one command at `at` of `out`, which has room for it; returns the position behind it. */
export function writeCommand(out: Output, at: number, argv: Argv): number {
  const { buf, view } = out;
  const source = argv.buf;
  const offsets = argv.offsets;
  const count = argv.count;
  view.setUint32(at, count);
  let to = at + 4;
  for (let i = 0; i < count; i++) {
    const start = offsets[2 * i] as number;
    const end = offsets[2 * i + 1] as number;
    view.setUint32(to, end - start);
    to += 4;
    if (end - start <= SMALL_COPY_BYTES) {
      for (let from = start; from < end; from++) buf[to++] = source[from] as number;
    } else {
      source.copy(buf, to, start, end);
      to += end - start;
    }
  }
  return to;
}

/**
 * Points `argv` at the command that starts at `at` of `body` and ends before `end`.
 * Returns the position behind it, or -1 where the bytes are not a command.
 */
export function readCommand(body: Output, range: { readonly at: number; readonly end: number }, argv: Argv): number {
  const { buf, view } = body;
  const { end } = range;
  argv.reset(buf);
  if (range.at + 4 > end) return -1;
  const count = view.getUint32(range.at);
  let at = range.at + 4;
  for (let i = 0; i < count; i++) {
    if (at + 4 > end) return -1;
    const size = view.getUint32(at);
    at += 4;
    if (at + size > end) return -1;
    argv.push(at, at + size);
    at += size;
  }
  return at;
}

/** Whether `body` has the form of an entry: a known kind, a header, and commands that fill it exactly. */
export function isWellFormedEntry(
  body: Buffer,
  scratch: { readonly header: EntryHeader; readonly argv: Argv },
): boolean {
  if (body.length < ENTRY_HEADER_BYTES) return false;
  const view = viewOf(body);
  const { header, argv } = scratch;
  readHeader(view, 0, header);
  switch (header.kind) {
    case KIND_COMMANDS: {
      if (header.count === 0) return false;
      const out = { buf: body, view };
      let at = ENTRY_HEADER_BYTES;
      for (let i = 0; i < header.count && at >= 0; i++) {
        at = readCommand(out, { at, end: body.length }, argv);
        if (argv.count === 0) return false;
      }
      return at === body.length;
    }
    case KIND_RAFT_STATE:
      return body.length === ENTRY_HEADER_BYTES + 8;
    case KIND_CONFIG:
      return true;
    case KIND_NOOP:
      return body.length === ENTRY_HEADER_BYTES;
    default:
      return false;
  }
}
