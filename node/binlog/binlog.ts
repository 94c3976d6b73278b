/**
 * The node's log as a whole: recovery, then one writer, one syncer, one reader over one index.
 * Everything here runs on the main thread; only background syncs do not.
 */

import type { FileSystem } from "./file-system.ts";
import type { SlotPositionRecord } from "./local-record.ts";
import { type LogIndex, type Segment, SlotLog } from "./log-index.ts";
import type { RaftStates } from "./raft-states.ts";
import { LogReader } from "./reader.ts";
import { type RecoveryOptions, recoverLog } from "./recovery.ts";
import type { LogIdentity } from "./segment.ts";
import { type FsyncPolicy, LogSyncer, type SyncerDeps } from "./syncer.ts";
import { LogTail } from "./tail.ts";
import { LogWriter } from "./writer.ts";

/** Large enough that a roll is rare, small enough that a slot rarely pins much. */
const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
/** Some ten milliseconds of full load: followers that keep up never read a file. */
const DEFAULT_TAIL_BYTES = 4 * 1024 * 1024;

export interface BinlogOptions extends RecoveryOptions {
  readonly identity: LogIdentity;
  readonly fsync: FsyncPolicy;
  readonly segmentBytes?: number;
  readonly tailBytes?: number;
}

export interface BinlogDeps extends SyncerDeps {
  readonly files: FileSystem;
  /** See WriterDeps. */
  readonly unstoredPositions: () => Iterable<SlotPositionRecord>;
}

export class Binlog {
  readonly index: LogIndex;
  readonly raftStates: RaftStates;
  readonly syncer: LogSyncer;
  readonly writer: LogWriter;
  readonly reader: LogReader;
  /** What recovery found, for the start's log line. */
  readonly recovered: { readonly entryCount: number; readonly cutBytes: number };
  readonly #files: FileSystem;
  readonly #directory: string;

  /**
   * Recovers the log in `options.directory` (made where it is missing).
   * @throws OperatingError as recovery.ts says.
   */
  constructor(options: BinlogOptions, deps: BinlogDeps) {
    const { files } = deps;
    files.makeDirectory(options.directory);
    const recovered = recoverLog(options, files);
    const tail = new LogTail(options.tailBytes ?? DEFAULT_TAIL_BYTES);
    this.#files = files;
    this.#directory = options.directory;
    this.index = recovered.index;
    this.raftStates = recovered.raftStates;
    this.recovered = { entryCount: recovered.entryCount, cutBytes: recovered.cutBytes };
    this.syncer = new LogSyncer(options.fsync, recovered.durable, deps);
    this.reader = new LogReader(files, tail);
    this.writer = new LogWriter(
      {
        directory: options.directory,
        identity: options.identity,
        segmentBytes: options.segmentBytes ?? DEFAULT_SEGMENT_BYTES,
      },
      {
        files,
        index: this.index,
        tail,
        syncer: this.syncer,
        raftStates: this.raftStates,
        unstoredPositions: deps.unstoredPositions,
      },
    );
  }

  /** Opens a new segment behind what was recovered. Nothing is appended before. */
  start(): void {
    this.writer.start();
  }

  /** The log of a slot, made where there is none. */
  slot(table: SlotLog["table"], slot: number, replica: SlotLog["replica"]): SlotLog {
    const known = this.index.find(table, slot);
    if (known) return known;
    const log = new SlotLog(table, slot, replica);
    this.index.add(log);
    return log;
  }

  /** Removes the segments before `segment`. */
  dropBefore(segment: Segment): number {
    const dropped = this.index.dropBefore(segment);
    for (const { path } of dropped) this.#files.remove(path);
    if (dropped.length > 0) this.#files.syncDirectory(this.#directory);
    return dropped.length;
  }

  /** Bytes of all segments. */
  sizeBytes(): number {
    let total = 0;
    for (const segment of this.index.segments) total += segment.sizeBytes;
    return total;
  }

  /** Syncs and closes the log. */
  async stop(): Promise<void> {
    await this.syncer.stop();
  }
}
