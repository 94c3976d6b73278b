/** A binlog over a file system in memory, with the identity and the deps that tests share. */

import { Argv } from "../../node/base/argv.ts";
import type { OperatingError } from "../../node/base/errors.ts";
import { Binlog, type BinlogOptions } from "../../node/binlog/binlog.ts";
import type { SlotPositionRecord } from "../../node/binlog/local-record.ts";
import type { SlotLog } from "../../node/binlog/log-index.ts";
import type { StoredSlot } from "../../node/binlog/recovery.ts";
import type { ClusterId, NodeId, ReplicaId, TableId } from "../../node/meta/ids.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const LOG_DIRECTORY = "/data/binlog";
export const LOG_IDENTITY = { cluster: "c".repeat(32) as ClusterId, node: "a1".repeat(16) as NodeId };
export const TABLE = 1 as TableId;
export const REPLICA = 7 as ReplicaId;

const EMPTY_SLOT: StoredSlot = { replica: REPLICA, term: 0, index: 0, crc: 0 };

/** One machine's log: opened, crashed and opened again over the same files. */
export class TestLog {
  readonly files = new MemoryFileSystem();
  readonly clock = new VirtualClock();
  readonly fatals: OperatingError[] = [];
  unstored: readonly SlotPositionRecord[] = [];
  readonly stored = new Map<number, StoredSlot>([
    [0, EMPTY_SLOT],
    [1, EMPTY_SLOT],
    [2, EMPTY_SLOT],
  ]);

  open(options: Partial<BinlogOptions> = {}): Binlog {
    const storedSlots = [...this.stored].map(([slot, at]) => [{ table: TABLE, slot }, at] as const);
    const log = new Binlog(
      { directory: LOG_DIRECTORY, identity: LOG_IDENTITY, fsync: "no", storedSlots, ...options },
      {
        files: this.files,
        clock: this.clock,
        fatal: (error) => this.fatals.push(error),
        unstoredPositions: () => this.unstored,
      },
    );
    log.start();
    return log;
  }
}

/** Appends `SET key value` to a slot's log. */
export function appendSet(log: Binlog, slot: number, value: string | number): SlotLog {
  const slotLog = log.slot(TABLE, slot, REPLICA);
  slotLog.leadTerm = Math.max(1, slotLog.leadTerm);
  log.writer.append(slotLog, { nowMs: 1_700_000_000_000, seed: 0, level: 1 }, Argv.of("SET", "key", value));
  return slotLog;
}

/** The values that the entries of a slot set, from index `from` on. */
export function readValues(log: Binlog, slot: number, from = 1): string[] | undefined {
  const slotLog = log.slot(TABLE, slot, REPLICA);
  const values: string[] = [];
  const isHeld = log.reader.read(slotLog, { from, to: log.writer.writtenIndex(slotLog) }, (entry) => {
    values.push(entry.buf.toString("latin1", entry.start + 48 + 4 + 7 + 7 + 4, entry.end));
    return true;
  });
  return isHeld ? values : undefined;
}
