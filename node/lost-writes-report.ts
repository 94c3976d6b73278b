/**
 * `pika lost-writes FILE...`: says what a file of set-aside entries holds (shard/lost-writes.ts, docs/formats/binlog.md).
 * One line an entry: text for people, with long arguments cut, or one JSON object with whole arguments.
 * Invariants: one record is held at a time; what lies before a fault is told before the fault is.
 * Refuses, with an OperatingError that names file and offset: a torn tail, a damaged record, a file that is no such file.
 */

import { isUtf8 } from "node:buffer";
import { Argv } from "./base/argv.ts";
import { crc32 } from "./base/crc32.ts";
import { messageOf, OperatingError } from "./base/errors.ts";
import {
  ENTRY_HEADER_BYTES,
  EntryHeader,
  isWellFormedEntry,
  KIND_COMMANDS,
  KIND_NOOP,
  KIND_RAFT_STATE,
  readCommand,
  readHeader,
  viewOf,
} from "./binlog/entry.ts";
import { type FileSystem, type LogFile, NodeFileSystem } from "./binlog/file-system.ts";
import { MAX_BODY_BYTES, RECORD_HEADER_BYTES } from "./binlog/segment.ts";

/** Bytes of an argument that a line of text shows: a key is whole, a large value does not fill the screen. */
const SHOWN_BYTES = 128;
/** The last moment that a Date knows, in ms. */
const LAST_DATE_MS = 8.64e15;

export interface LostWritesReport {
  readonly isJson: boolean;
  readonly line: (text: string) => void;
  /** Default: the machine's. */
  readonly files?: FileSystem;
}

/**
 * Tells the entries of each file, in order. A file with a fault does not keep the others from being read.
 * @throws OperatingError `LostWritesUnreadable` at the end, with one line for each faulty file.
 */
export function reportLostWrites(paths: readonly string[], report: LostWritesReport): void {
  const files = report.files ?? new NodeFileSystem();
  const faults: string[] = [];
  for (const path of paths) {
    try {
      reportFile(path, files, report);
    } catch (error) {
      faults.push(error instanceof OperatingError ? error.message : `${path}: ${messageOf(error)}`);
    }
  }
  if (faults.length > 0) throw new OperatingError("LostWritesUnreadable", faults.join("\n"));
}

function reportFile(path: string, files: FileSystem, report: LostWritesReport): void {
  const file = files.open(path, "read");
  try {
    const scratch = { header: new EntryHeader(), argv: new Argv() };
    const sizeBytes = file.sizeBytes();
    for (let offset = 0; offset < sizeBytes; ) {
      const body = readBody(file, { path, offset, sizeBytes });
      if (!isWellFormedEntry(body, scratch)) throw damaged(path, offset, "holds no entry");
      report.line(report.isJson ? entryAsJson(body, scratch) : entryAsText(body, scratch));
      offset += RECORD_HEADER_BYTES + body.length;
    }
  } finally {
    file.close();
  }
}

function readBody(file: LogFile, where: { path: string; offset: number; sizeBytes: number }): Buffer {
  const { path, offset, sizeBytes } = where;
  const leftBytes = sizeBytes - offset;
  const head = Buffer.alloc(RECORD_HEADER_BYTES);
  if (file.read(head, offset) < RECORD_HEADER_BYTES) throw torn(path, offset, leftBytes);
  const length = head.readUInt32BE(0);
  if (length < 1 || length > MAX_BODY_BYTES) throw damaged(path, offset, `says ${length} bytes`);
  if (RECORD_HEADER_BYTES + length > leftBytes) throw torn(path, offset, leftBytes);
  const body = Buffer.alloc(length);
  if (file.read(body, offset + RECORD_HEADER_BYTES) < length) throw torn(path, offset, leftBytes);
  if (crc32(body, 0, length) !== head.readUInt32BE(4)) throw damaged(path, offset, "does not have its checksum");
  return body;
}

function torn(path: string, offset: number, leftBytes: number): OperatingError {
  return new OperatingError(
    "LostWritesTorn",
    `${path}: its last ${leftBytes} bytes, from offset ${offset} on, are the start of a record that was not written to its end; look for the same entries in a file of the same name with -2, -3, …`,
  );
}

function damaged(path: string, offset: number, what: string): OperatingError {
  return new OperatingError(
    "LostWritesDamaged",
    `${path}: damaged, or no file of lost writes: the record at offset ${offset} ${what}; nothing behind it can be read`,
  );
}

interface Scratch {
  readonly header: EntryHeader;
  readonly argv: Argv;
}

function entryAsText(body: Buffer, { header, argv }: Scratch): string {
  readHeader(viewOf(body), 0, header);
  const { table, slot, term, index } = header;
  const what =
    header.kind === KIND_COMMANDS ? commandsOf(body, header.count, argv).map(commandAsText) : [kindOf(header)];
  return `table ${table} slot ${slot} term ${term} index ${index} ${timeOf(header)} ${what.join(" ; ")}`;
}

function entryAsJson(body: Buffer, { header, argv }: Scratch): string {
  readHeader(viewOf(body), 0, header);
  const { table, slot, term, index } = header;
  const commands = header.kind === KIND_COMMANDS ? commandsOf(body, header.count, argv) : [];
  const shown = commands.map((args) =>
    args.map((arg) => (isUtf8(arg) ? arg.toString() : { base64: arg.toString("base64") })),
  );
  return JSON.stringify({ table, slot, term, index, time: timeOf(header), kind: kindOf(header), commands: shown });
}

/** The argument lists of a well-formed entry, as views of it. */
function commandsOf(body: Buffer, count: number, argv: Argv): Buffer[][] {
  const source = { buf: body, view: viewOf(body) };
  const commands: Buffer[][] = [];
  let at = ENTRY_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    at = readCommand(source, { at, end: body.length }, argv);
    const args: Buffer[] = [];
    for (let j = 0; j < argv.count; j++) args.push(body.subarray(argv.offsets[2 * j], argv.offsets[2 * j + 1]));
    commands.push(args);
  }
  return commands;
}

function kindOf(header: EntryHeader): string {
  if (header.kind === KIND_COMMANDS) return "commands";
  if (header.kind === KIND_RAFT_STATE) return "raft-state";
  return header.kind === KIND_NOOP ? "noop" : "config";
}

function timeOf({ nowMs }: EntryHeader): string {
  return nowMs <= LAST_DATE_MS ? new Date(nowMs).toISOString() : `${nowMs}ms`;
}

function commandAsText(args: readonly Buffer[]): string {
  return args.map(quote).join(" ");
}

const ESCAPES: Readonly<Record<number, string>> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/** As redis-cli prints a string: printable ASCII as it is, the rest escaped. */
function quote(bytes: Buffer): string {
  let text = '"';
  for (const byte of bytes.subarray(0, SHOWN_BYTES)) {
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    text += ESCAPES[byte] ?? (isPrintable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`);
  }
  return bytes.length > SHOWN_BYTES ? `${text}"…(${bytes.length} bytes)` : `${text}"`;
}
