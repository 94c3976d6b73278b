/**
 * Writes the log: records are encoded into the turn's buffer as commands execute, and the end of the turn writes them
 * with one synchronous call (measured cheaper than an asynchronous one: DESIGN §9) and syncs them by the policy.
 *
 * Invariants
 * 1. A turn is in the file as a whole or not at all: after a failed write the file is cut back, and until that has
 *    succeeded nothing more is written.
 * 2. A slot's `index` moves with each append and is taken back with the turn.
 * 3. A turn never spans two segments; a segment opens with its header and the checkpoint.
 * Refuses a body above the limit of a record (`canHold`).
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import {
  commandSizeBytes,
  ENTRY_HEADER_BYTES,
  EntryHeader,
  KIND_COMMANDS,
  KIND_NOOP,
  readHeader,
  viewOf,
  writeCommand,
  writeHeader,
} from "./entry.ts";
import type { FileSystem, LogFile } from "./file-system.ts";
import {
  encodeCheckpoint,
  encodeDurable,
  encodePosition,
  encodeRaftState,
  isBehind,
  type LogPlace,
  type RaftState,
  type SlotPositionRecord,
} from "./local-record.ts";
import type { LogIndex, Segment, SlotLog, SlotPosition } from "./log-index.ts";
import type { RaftStates } from "./raft-states.ts";
import {
  encodeSegmentHeader,
  frameRecord,
  type LogIdentity,
  MAX_BODY_BYTES,
  RECORD_HEADER_BYTES,
  segmentName,
} from "./segment.ts";
import type { LogSyncer } from "./syncer.ts";
import type { Chunk, LogTail } from "./tail.ts";

export interface WriterOptions {
  readonly directory: string;
  readonly identity: LogIdentity;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
}

export interface WriterDeps {
  readonly files: FileSystem;
  readonly index: LogIndex;
  readonly tail: LogTail;
  readonly syncer: LogSyncer;
  readonly raftStates: RaftStates;
  /** The positions of replicas that the database does not name (yet): said again in each segment. */
  readonly unstoredPositions: () => Iterable<SlotPositionRecord>;
}

export class LogWriter {
  readonly #options: WriterOptions;
  readonly #deps: WriterDeps;
  readonly #header = new EntryHeader();
  #file: LogFile | undefined;
  #segment: Segment | undefined;
  #chunk: Chunk | undefined;
  /** Number of the turn, from 1. */
  #turn = 1;
  #turnRecordCount = 0;
  #touched: SlotLog[] = [];
  /** Those of the turn before: the two arrays take turns. */
  #written: SlotLog[] = [];
  /** The durable place that the log itself says. */
  #recordedDurable: LogPlace = { segment: 0, offset: 0 };
  #mustCutBack = false;

  constructor(options: WriterOptions, deps: WriterDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Opens a new segment behind those that recovery found. Appending comes after it. */
  start(): void {
    const last = this.#deps.index.segments.at(-1);
    this.#openSegment(last ? last.firstSequence + last.recordCount : 1);
  }

  /** The logs of slots that were touched in the current turn. */
  get touched(): readonly SlotLog[] {
    return this.#touched;
  }

  /** Whether something waits for the end of the turn. */
  get hasUnwritten(): boolean {
    return this.#turnRecordCount > 0;
  }

  /** The index of the slot's last entry that is in the file. */
  writtenIndex(log: SlotLog): number {
    return log.turn === this.#turn ? log.savedIndex : log.index;
  }

  /** Whether an entry with commands of `sizeBytes` in all fits a record. */
  canHold(sizeBytes: number): boolean {
    return ENTRY_HEADER_BYTES + sizeBytes <= MAX_BODY_BYTES;
  }

  /**
   * Appends one command as the slot's next entry, of the term `log.leadTerm`; `stamp` gives nowMs, seed and level.
   * The position in `log` has moved when it returns.
   */
  append(log: SlotLog, stamp: EntryStamp, argv: Argv): void {
    const bodyBytes = ENTRY_HEADER_BYTES + commandSizeBytes(argv);
    const chunk = this.#room(RECORD_HEADER_BYTES + bodyBytes);
    const at = chunk.length;
    this.#stamp(log, stamp, 1);
    const start = writeHeader(chunk.view, at + RECORD_HEADER_BYTES, this.#header);
    const end = writeCommand(chunk, start, argv);
    this.#finish(log, chunk, end);
  }

  /** Appends several commands (EXEC) as one entry. */
  appendAll(log: SlotLog, stamp: EntryStamp, commands: readonly { readonly argv: Argv }[]): void {
    let bodyBytes = ENTRY_HEADER_BYTES;
    for (const { argv } of commands) bodyBytes += commandSizeBytes(argv);
    const chunk = this.#room(RECORD_HEADER_BYTES + bodyBytes);
    this.#stamp(log, stamp, commands.length);
    let at = writeHeader(chunk.view, chunk.length + RECORD_HEADER_BYTES, this.#header);
    for (const { argv } of commands) at = writeCommand(chunk, at, argv);
    this.#finish(log, chunk, at);
  }

  /** Appends an entry without commands, which moves the slot's term and time on. */
  appendNoop(log: SlotLog, stamp: EntryStamp): void {
    const chunk = this.#room(RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES);
    this.#stamp(log, stamp, 0);
    this.#header.kind = KIND_NOOP;
    this.#finish(log, chunk, writeHeader(chunk.view, chunk.length + RECORD_HEADER_BYTES, this.#header));
  }

  /** Appends an entry as a leader made it. It must follow the slot's last one (the caller has checked the chain). */
  appendBody(log: SlotLog, body: Buffer): void {
    readHeader(viewOf(body), 0, this.#header);
    assert(
      this.#header.index === log.index + 1 && this.#header.previousCrc === log.crc,
      "an entry follows the one before it",
    );
    const chunk = this.#room(RECORD_HEADER_BYTES + body.length);
    this.#touch(log);
    const end = chunk.length + RECORD_HEADER_BYTES + body.copy(chunk.buf, chunk.length + RECORD_HEADER_BYTES);
    this.#finish(log, chunk, end);
  }

  /** Makes the entries behind `position` void; the slot's next entry overrides them. */
  cutBehind(log: SlotLog, position: SlotPosition): void {
    this.#touch(log);
    log.cutBehind(position);
  }

  /**
   * Records that the slot's log goes on behind `position` for `replica` (0: the slot has no replica here any more).
   * Sync before the database switches.
   */
  appendPosition(log: SlotLog, replica: SlotLog["replica"], position: SlotPosition): void {
    const { term, index, crc } = position;
    this.#touch(log);
    this.#local(encodePosition({ table: log.table, slot: log.slot, replica, term, index, crc }));
    log.reset(replica, position);
  }

  /** Records what the replica has promised. Sync before it is answered for. */
  appendRaftState(state: RaftState): void {
    this.#deps.raftStates.set(state);
    this.#local(encodeRaftState(state));
  }

  /**
   * Writes the turn; answers the logs that it touched, valid until the next end of a turn. A new turn begins.
   * @throws OperatingError BinlogFull (no space) or BinlogWriteFailed: nothing of the turn is in the log, the positions
   * of `touched` slots are as before it; `touched` still lists them until `forgetTurn`.
   */
  endTurn(): readonly SlotLog[] {
    if (this.#turnRecordCount === 0) {
      if (this.#touched.length > 0) this.forgetTurn();
      return [];
    }
    const segment = this.#segment as Segment;
    try {
      this.#cutBack();
      for (const chunk of this.#deps.tail.chunks) if (chunk.writtenBytes < chunk.length) this.#writeChunk(chunk);
    } catch (thrown) {
      this.#undo(thrown);
    }
    const chunk = this.#chunk as Chunk;
    for (const written of this.#deps.tail.chunks) written.writtenBytes = written.length;
    segment.sizeBytes = chunk.baseOffset + chunk.length;
    segment.recordCount += this.#turnRecordCount;
    const written = this.#touched;
    this.#touched = this.#written;
    this.#written = written;
    this.forgetTurn();
    this.#deps.syncer.afterWrite(segment.sizeBytes);
    if (segment.sizeBytes >= this.#options.segmentBytes) this.#roll(segment);
    return written;
  }

  /** Forgets which slots the turn has touched: after a failed one, when their effects are undone. */
  forgetTurn(): void {
    this.#touched.length = 0;
    this.#turnRecordCount = 0;
    this.#turn++;
  }

  #stamp(log: SlotLog, stamp: EntryStamp, count: number): void {
    this.#touch(log);
    const header = this.#header;
    header.kind = KIND_COMMANDS;
    header.slot = log.slot;
    header.table = log.table;
    header.term = log.leadTerm;
    header.index = log.index + 1;
    header.nowMs = stamp.nowMs;
    header.seed = stamp.seed;
    header.previousCrc = log.crc;
    header.level = stamp.level;
    header.count = count;
  }

  #touch(log: SlotLog): void {
    if (log.turn === this.#turn) return;
    log.save(this.#turn);
    this.#touched.push(log);
  }

  /** Frames the body that ends at `end` and makes it the slot's last entry. */
  #finish(log: SlotLog, chunk: Chunk, end: number): void {
    const at = chunk.length;
    const start = at + RECORD_HEADER_BYTES;
    const crc = crc32(chunk.buf, start, end);
    chunk.view.setUint32(at, end - start);
    chunk.view.setUint32(at + 4, crc);
    chunk.length = end;
    this.#turnRecordCount++;
    log.advance(chunk.segment, chunk.baseOffset + at);
    log.term = this.#header.term;
    log.crc = crc;
  }

  #local(body: Buffer): void {
    const chunk = this.#room(RECORD_HEADER_BYTES + body.length);
    chunk.length += frameRecord(body).copy(chunk.buf, chunk.length);
    this.#turnRecordCount++;
  }

  /** The chunk to encode `sizeBytes` into. */
  #room(sizeBytes: number): Chunk {
    if (this.#turnRecordCount === 0 && isBehind(this.#deps.syncer.durable, this.#recordedDurable)) {
      this.#recordedDurable = this.#deps.syncer.durable;
      const body = encodeDurable(this.#recordedDurable);
      const chunk = this.#chunkFor(RECORD_HEADER_BYTES + body.length);
      chunk.length += frameRecord(body).copy(chunk.buf, chunk.length);
      this.#turnRecordCount++;
    }
    return this.#chunkFor(sizeBytes);
  }

  #chunkFor(sizeBytes: number): Chunk {
    const chunk = this.#chunk;
    if (chunk !== undefined && chunk.length + sizeBytes <= chunk.buf.length) return chunk;
    const segment = this.#segment;
    assert(segment !== undefined, "the log is started before it is appended to");
    const baseOffset = chunk === undefined ? segment.sizeBytes : chunk.baseOffset + chunk.length;
    this.#chunk = this.#deps.tail.open(segment, baseOffset, sizeBytes);
    return this.#chunk;
  }

  #writeChunk(chunk: Chunk): void {
    const range = { start: chunk.writtenBytes, end: chunk.length };
    (this.#file as LogFile).write(chunk.buf, range, chunk.baseOffset + chunk.writtenBytes);
  }

  #undo(cause: unknown): never {
    this.#deps.tail.dropUnwritten();
    const last = this.#deps.tail.chunks.at(-1);
    this.#chunk = last && last.segment === this.#segment ? last : undefined;
    for (const log of this.#touched) log.restore();
    this.#recordedDurable = { segment: 0, offset: 0 };
    this.#mustCutBack = true;
    try {
      this.#cutBack();
    } catch {
      // Tried again before the next write, which is refused until it succeeds.
    }
    this.#turnRecordCount = 0;
    const path = (this.#segment as Segment).path;
    const isFull = codeOf(cause) === "ENOSPC" || codeOf(cause) === "EDQUOT";
    throw new OperatingError(
      isFull ? "BinlogFull" : "BinlogWriteFailed",
      `${path}: ${messageOf(cause)}; the writes of this moment were refused and undone${isFull ? ", make room on the disk" : ""}`,
      { data: { path }, cause },
    );
  }

  /** Takes what a failed write may have left out of the file. */
  #cutBack(): void {
    if (!this.#mustCutBack) return;
    (this.#file as LogFile).truncate((this.#segment as Segment).sizeBytes);
    this.#mustCutBack = false;
  }

  #roll(full: Segment): void {
    try {
      this.#openSegment(full.firstSequence + full.recordCount);
    } catch (thrown) {
      // Without room for a new segment the old one goes on: the next write will say that the disk is full.
      if (codeOf(thrown) === undefined) throw thrown;
    }
  }

  #openSegment(firstSequence: number): void {
    const { files, index, syncer, raftStates, unstoredPositions } = this.#deps;
    const { directory, identity } = this.#options;
    const path = `${directory}/${segmentName(firstSequence)}`;
    const header = encodeSegmentHeader({ ...identity, firstSequence, durable: syncer.durable });
    const positions = Array.from(unstoredPositions(), (position) => frameRecord(encodePosition(position)));
    const start = Buffer.concat([header, frameRecord(encodeCheckpoint(raftStates.all())), ...positions]);
    const file = files.open(path, "create");
    try {
      file.write(start, { start: 0, end: start.length }, 0);
    } catch (thrown) {
      file.close();
      files.remove(path);
      throw thrown;
    }
    this.#file = file;
    this.#segment = { firstSequence, path, sizeBytes: start.length, recordCount: 1 + positions.length };
    this.#chunk = undefined;
    this.#recordedDurable = syncer.durable;
    index.segments.push(this.#segment);
    syncer.startFile(firstSequence, path, { file, syncDirectory: () => files.syncDirectory(directory) });
    syncer.afterWrite(start.length);
  }
}

/** What an entry is executed with. One object is reused. */
export interface EntryStamp {
  readonly nowMs: number;
  readonly seed: number;
  readonly level: number;
}
