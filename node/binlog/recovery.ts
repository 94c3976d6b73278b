/**
 * Reads the log at start: finds where each slot's entries lie, cuts a torn tail, and refuses what is damaged in the
 * middle (docs/formats/binlog.md, "Damage"). It executes nothing: the replay reads the log again through the index.
 * Refuses, with an OperatingError that names file and offset: corruption of what was durable, a missing segment, an
 * entry that does not fit its slot's log, a log that lies behind the database, another node's or a newer log.
 */

import { crc32 } from "../base/crc32.ts";
import { OperatingError } from "../base/errors.ts";
import type { ReplicaId, TableId } from "../meta/ids.ts";
import { ENTRY_HEADER_BYTES, EntryHeader, KIND_RAFT_STATE, readHeader, viewOf } from "./entry.ts";
import type { FileSystem } from "./file-system.ts";
import {
  DURABLE_BODY_BYTES,
  decodeCheckpoint,
  decodeDurable,
  decodePosition,
  decodeRaftState,
  FIRST_LOCAL_KIND,
  isBehind,
  isWellFormedLocal,
  KIND_CHECKPOINT,
  KIND_DURABLE,
  KIND_POSITION,
  type LogPlace,
} from "./local-record.ts";
import { LogIndex, type Segment, SlotLog } from "./log-index.ts";
import { RaftStates } from "./raft-states.ts";
import {
  checkIdentity,
  decodeSegmentHeader,
  type LogIdentity,
  MAX_BODY_BYTES,
  parseSegmentName,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from "./segment.ts";

/** What the database says of a slot: the position that its records have. */
export interface StoredSlot {
  readonly replica: ReplicaId;
  readonly term: number;
  readonly index: number;
  readonly crc: number;
}

export interface RecoveryOptions {
  readonly directory: string;
  readonly identity: LogIdentity;
  /** The database's slot records. A replica that was never flushed has none: then its position record names it. */
  readonly storedSlots: Iterable<readonly [{ readonly table: TableId; readonly slot: number }, StoredSlot]>;
}

export interface RecoveredLog {
  readonly index: LogIndex;
  readonly raftStates: RaftStates;
  /** The end of the log: all that was found has been made durable. */
  readonly durable: LogPlace;
  /** Bytes that a torn tail lost. */
  readonly cutBytes: number;
  readonly entryCount: number;
}

/** Reads the log in `directory`, which exists. */
export function recoverLog(options: RecoveryOptions, files: FileSystem): RecoveredLog {
  return new Recovery(options, files).run();
}

interface SlotScan {
  readonly log: SlotLog;
  /** What the database holds of the slot, of whichever replica. */
  readonly stored: StoredSlot | undefined;
  /** Whether any entry of this replica was found. */
  hasEntries: boolean;
  /** What does not fit; of no matter once another replica takes the slot over. */
  misfit: OperatingError | undefined;
}

const NO_REPLICA = 0 as ReplicaId;
const NOTHING = { term: 0, index: 0, crc: 0 };

class Recovery {
  readonly #options: RecoveryOptions;
  readonly #files: FileSystem;
  readonly #index = new LogIndex();
  readonly #raftStates = new RaftStates();
  readonly #scans = new Map<SlotLog, SlotScan>();
  readonly #header = new EntryHeader();
  #durable: LogPlace = { segment: 0, offset: 0 };
  #cutBytes = 0;
  #entryCount = 0;

  constructor(options: RecoveryOptions, files: FileSystem) {
    this.#options = options;
    this.#files = files;
    for (const [{ table, slot }, stored] of options.storedSlots) {
      this.#addScan(new SlotLog(table, slot, stored.replica), stored);
    }
  }

  run(): RecoveredLog {
    const names = this.#segmentNames();
    if (names.length === 0) this.#refuseLostLog();
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string;
      const path = `${this.#options.directory}/${name}`;
      const bytes = this.#readAll(path);
      const damage = this.#scanSegment(name, bytes);
      if (damage === undefined) continue;
      this.#refuseDurableDamage(
        { path, firstSequence: parseSegmentName(name) as number, offset: damage },
        bytes,
        names.slice(i + 1),
      );
      // The youngest first, so that a crash in between leaves no gap.
      for (const later of names.slice(i + 1).reverse()) this.#files.remove(`${this.#options.directory}/${later}`);
      this.#cut(path, damage, bytes.length);
      break;
    }
    this.#removeEmptyLast();
    this.#syncAll();
    for (const scan of this.#scans.values()) this.#finishSlot(scan);
    return {
      index: this.#index,
      raftStates: this.#raftStates,
      durable: this.#durable,
      cutBytes: this.#cutBytes,
      entryCount: this.#entryCount,
    };
  }

  /** The youngest segment always stays: a database that holds entries, and no log at all, has lost what was behind them. */
  #refuseLostLog(): void {
    for (const { stored } of this.#scans.values()) {
      if (stored === undefined || stored.index === 0) continue;
      throw new OperatingError(
        "BinlogMissing",
        `${this.#options.directory}: there is no log, but the database holds entries of one; restore the log, or remove this node's data and let it fill again`,
      );
    }
  }

  #addScan(log: SlotLog, stored: StoredSlot | undefined): SlotScan {
    const scan = { log, stored, hasEntries: false, misfit: undefined };
    this.#index.add(log);
    this.#scans.set(log, scan);
    return scan;
  }

  #segmentNames(): readonly string[] {
    return this.#files.list(this.#options.directory).filter((name) => parseSegmentName(name) !== undefined);
  }

  #readAll(path: string): Buffer {
    const file = this.#files.open(path, "read");
    try {
      const bytes = Buffer.allocUnsafeSlow(file.sizeBytes());
      return bytes.subarray(0, file.read(bytes, 0));
    } finally {
      file.close();
    }
  }

  /** Takes a segment into the index; answers the offset of the first damage, if there is one. */
  #scanSegment(name: string, bytes: Buffer): number | undefined {
    const path = `${this.#options.directory}/${name}`;
    const header = decodeSegmentHeader(bytes, path);
    if (header === undefined) return 0;
    checkIdentity(header, this.#options.identity, path);
    const before = this.#index.segments.at(-1);
    const isNext = before === undefined || header.firstSequence === before.firstSequence + before.recordCount;
    if (!isNext || header.firstSequence !== parseSegmentName(name)) return 0;
    const segment: Segment = {
      firstSequence: header.firstSequence,
      path,
      sizeBytes: SEGMENT_HEADER_BYTES,
      recordCount: 0,
    };
    this.#index.segments.push(segment);
    this.#claimDurable(header.durable);
    const view = viewOf(bytes);
    for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; ) {
      const end = recordEnd(bytes, view, at);
      if (end === undefined) return at;
      this.#takeRecord(
        { segment, offset: at, crc: view.getUint32(at + 4) },
        bytes.subarray(at + RECORD_HEADER_BYTES, end),
      );
      segment.recordCount++;
      segment.sizeBytes = end;
      at = end;
    }
    return undefined;
  }

  #takeRecord(place: { segment: Segment; offset: number; crc: number }, body: Buffer): void {
    const kind = body[0] as number;
    if (kind >= FIRST_LOCAL_KIND) {
      if (!isWellFormedLocal(body)) throw misfit(place, `a local record of kind ${kind} and ${body.length} bytes`);
      if (kind === KIND_DURABLE) this.#claimDurable(decodeDurable(body));
      if (kind === KIND_CHECKPOINT) for (const state of decodeCheckpoint(body)) this.#raftStates.set(state);
      if (kind === KIND_POSITION) this.#takePosition(body);
      return;
    }
    if (body.length < ENTRY_HEADER_BYTES) throw misfit(place, `an entry of ${body.length} bytes`);
    if (kind === KIND_RAFT_STATE) this.#raftStates.set(decodeRaftState(body));
    else this.#takeEntry(place, body);
  }

  #takeEntry(place: { segment: Segment; offset: number; crc: number }, body: Buffer): void {
    const header = this.#header;
    readHeader(viewOf(body), 0, header);
    const log = this.#index.find(header.table, header.slot);
    const scan = log && this.#scans.get(log);
    // A slot without a replica on this node: its entries wait for the retention.
    if (!log || !scan || log.replica === NO_REPLICA || scan.misfit) return;
    const { index, previousCrc } = header;
    const isFirst = !scan.hasEntries && log.index === 0 && index > 1;
    scan.misfit = misfitOf(scan, header, { ...place, isFirst });
    if (scan.misfit) return;
    if (isFirst) log.index = index - 1;
    else if (index <= log.index) log.cutBehind({ term: header.term, index: index - 1, crc: previousCrc });
    scan.hasEntries = true;
    log.advance(place.segment, place.offset);
    log.term = header.term;
    log.crc = place.crc;
    this.#entryCount++;
  }

  #takePosition(body: Buffer): void {
    const position = decodePosition(body);
    const { replica, index, crc } = position;
    const log = this.#index.find(position.table, position.slot);
    const scan =
      (log && this.#scans.get(log)) ?? this.#addScan(new SlotLog(position.table, position.slot, replica), undefined);
    const isSame = scan.log.replica === replica;
    // Said again at the beginning of a segment.
    if (isSame && scan.hasEntries && scan.log.index === index && scan.log.crc === crc) return;
    // A snapshot that the database has not switched to.
    if (index > 0 && (scan.stored?.replica !== replica || scan.stored.index < index)) return;
    scan.log.reset(replica, position);
    scan.hasEntries = true;
    scan.misfit = undefined;
  }

  /** Joins what the database and the log say of a slot. */
  #finishSlot({ log, stored, hasEntries, misfit }: SlotScan): void {
    log.savedRanges = undefined;
    if (log.replica === NO_REPLICA) {
      this.#index.remove(log);
      return;
    }
    if (misfit) throw misfit;
    const known = stored?.replica === log.replica ? stored : NOTHING;
    if (!hasEntries) {
      log.term = known.term;
      log.index = known.index;
      log.crc = known.crc;
      return;
    }
    if (log.index > known.index || (log.index === known.index && log.crc === known.crc)) return;
    throw new OperatingError(
      "BinlogBehindDatabase",
      `${this.#options.directory}: slot ${log.slot} of table ${log.table} ends at entry ${log.index} in the log, but the database holds entry ${known.index}: the end of the log is missing; restore it, or remove this node's data and let it fill again`,
      { data: { table: log.table, slot: log.slot, logIndex: log.index, databaseIndex: known.index } },
    );
  }

  #claimDurable(place: LogPlace): void {
    if (isBehind(place, this.#durable)) this.#durable = place;
  }

  /** Refuses to cut at a place that something behind it says was durable. */
  #refuseDurableDamage(
    damage: { readonly path: string; readonly firstSequence: number; readonly offset: number },
    bytes: Buffer,
    laterNames: readonly string[],
  ): void {
    for (const place of durablePlacesIn(bytes, damage.offset)) this.#claimDurable(place);
    for (const name of laterNames) {
      const path = `${this.#options.directory}/${name}`;
      const later = this.#readAll(path);
      const header = decodeSegmentHeader(later, path);
      if (header) this.#claimDurable(header.durable);
      for (const place of durablePlacesIn(later, 0)) this.#claimDurable(place);
    }
    const before = this.#index.segments.at(-1);
    const expected = before && damage.offset === 0 ? before.firstSequence + before.recordCount : damage.firstSequence;
    const isMissing = damage.offset === 0 && expected !== damage.firstSequence;
    if (!isMissing && !isBehind(this.#durable, { segment: expected, offset: damage.offset })) return;
    throw new OperatingError(
      "BinlogCorrupt",
      isMissing
        ? `${damage.path}: begins with record ${damage.firstSequence}, but record ${expected} should follow: a segment is missing; restore it, or remove this node's data and let it fill again`
        : `${damage.path}: no valid record at offset ${damage.offset}, where the log was durable: the file is damaged; restore it, or remove this node's data and let it fill again`,
      { data: { path: damage.path, offset: damage.offset } },
    );
  }

  /** A segment that holds no record would have the name of the one to come. */
  #removeEmptyLast(): void {
    const last = this.#index.segments.at(-1);
    if (last === undefined || last.recordCount > 0) return;
    this.#files.remove(last.path);
    this.#index.segments.pop();
  }

  /** Makes durable what the process before left to the kernel: the database is about to build on it. */
  #syncAll(): void {
    for (const segment of this.#index.segments) {
      if (segment.firstSequence < this.#durable.segment) continue;
      const file = this.#files.open(segment.path, "write");
      file.syncNow();
      file.close();
    }
    this.#files.syncDirectory(this.#options.directory);
    const last = this.#index.segments.at(-1);
    this.#durable = { segment: last?.firstSequence ?? 0, offset: last?.sizeBytes ?? 0 };
  }

  /** Cuts a file at `offset`; one that would keep no record is removed. */
  #cut(path: string, offset: number, sizeBytes: number): void {
    this.#cutBytes += sizeBytes - offset;
    if (offset === 0) {
      this.#files.remove(path);
      return;
    }
    const file = this.#files.open(path, "write");
    file.truncate(offset);
    file.syncNow();
    file.close();
  }
}

/** Why an entry does not fit its slot's log, if it does not. */
function misfitOf(
  { log, stored }: SlotScan,
  { index, previousCrc }: EntryHeader,
  place: { readonly segment: Segment; readonly offset: number; readonly isFirst: boolean },
): OperatingError | undefined {
  const what = `entry ${index} of slot ${log.slot}, table ${log.table}`;
  if (place.isFirst) {
    // The oldest entry that the log still holds: what comes before it must be in the database.
    const known = stored?.replica === log.replica ? stored.index : 0;
    return index > known + 1
      ? misfit(place, `${what}; the database ends at ${known}: a segment is missing`)
      : undefined;
  }
  if (index > log.index + 1) return misfit(place, `${what} behind ${log.index}: entries are missing`);
  if (index === log.index + 1 && previousCrc !== log.crc) {
    return misfit(place, `${what}, which does not follow the one before it`);
  }
  return undefined;
}

/** The end of the whole and valid record at `at`, or undefined. */
function recordEnd(bytes: Buffer, view: DataView, at: number): number | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const size = view.getUint32(at);
  const end = at + RECORD_HEADER_BYTES + size;
  if (size === 0 || size > MAX_BODY_BYTES || end > bytes.length) return undefined;
  return crc32(bytes, at + RECORD_HEADER_BYTES, end) === view.getUint32(at + 4) ? end : undefined;
}

/** What valid durable records behind `from` say, wherever they begin: behind damage the framing is lost. */
function durablePlacesIn(bytes: Buffer, from: number): readonly LogPlace[] {
  const lengthBytes = Buffer.from([0, 0, 0, DURABLE_BODY_BYTES]);
  const view = viewOf(bytes);
  const places: LogPlace[] = [];
  for (let at = bytes.indexOf(lengthBytes, from); at >= 0; at = bytes.indexOf(lengthBytes, at + 1)) {
    if (bytes[at + RECORD_HEADER_BYTES] !== KIND_DURABLE) continue;
    const end = recordEnd(bytes, view, at);
    if (end !== undefined) places.push(decodeDurable(bytes.subarray(at + RECORD_HEADER_BYTES, end)));
  }
  return places;
}

function misfit(place: { readonly segment: Segment; readonly offset: number }, what: string): OperatingError {
  return new OperatingError(
    "BinlogCorrupt",
    `${place.segment.path}: at offset ${place.offset} ${what}; restore the file, or remove this node's data and let it fill again`,
    { data: { path: place.segment.path, offset: place.offset } },
  );
}
