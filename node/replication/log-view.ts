/** A replica's log as the pure comparisons see it. */

import type { ReplicaLog } from "../shard/replica-log.ts";
import type { LogView } from "./core/log-comparison.ts";

/** Where an entry's body carries the CRC of the entry before it (docs/formats/binlog.md). */
const PREVIOUS_CRC_OFFSET = 36;

export function viewLog(log: ReplicaLog): LogView {
  return {
    last: log.last,
    firstIndex: log.firstIndex,
    positionAt: (index) => log.positionAt(index),
    previousCrcAt: (index) => log.entriesFrom(index, 1)?.[0]?.readUInt32BE(PREVIOUS_CRC_OFFSET),
  };
}
