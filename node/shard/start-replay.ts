/**
 * Replays the log at start, in one pass over the file: for the slots that need not wait for their role.
 * The dirty limit holds: while too much is dirty, the replay waits for the flusher.
 */

import type { Clock } from "../base/clock.ts";
import { delay } from "../base/clock.ts";
import { LogScan } from "../binlog/log-scan.ts";
import type { ShardNode } from "./shard-node.ts";
import type { Shards } from "./shards.ts";
import type { SlotShard } from "./slot-shard.ts";

/** Records between two pauses: some milliseconds. */
const SLICE_RECORDS = 2000;

export interface StartReplayOptions {
  /** Whether the slot is replayed now; else up to its role (DESIGN §4.5). */
  readonly isWanted: (shard: SlotShard) => boolean;
  /** How long to wait for the flusher, in ms. */
  readonly pauseMs: () => number;
  /** Ends the replay between two slices. */
  readonly signal: AbortSignal;
}

/** Resolves with the number of entries executed; rejects with the signal's reason. */
export async function replayAtStart(
  deps: { readonly node: ShardNode; readonly shards: Shards; readonly clock: Clock },
  options: StartReplayOptions,
): Promise<number> {
  const { node, shards, clock } = deps;
  const wanted = new Map([...shards.all()].filter(options.isWanted).map((shard) => [shard.log, shard]));
  const { log } = node;
  const { signal } = options;
  const scan = new LogScan(log.index, log.reader, (slotLog) => wanted.get(slotLog)?.state.index ?? slotLog.index);
  let entryCount = 0;
  const visit: Parameters<LogScan["next"]>[1] = (slotLog, entry) => {
    const shard = wanted.get(slotLog);
    if (shard === undefined || entry.index !== shard.state.index + 1) return;
    shard.replay(entry, false);
    entryCount++;
  };
  while (scan.next(SLICE_RECORDS, visit)) {
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    const pauseMs = options.pauseMs();
    if (pauseMs > 0) await delay(clock, pauseMs, signal);
  }
  for (const shard of wanted.values()) {
    signal.throwIfAborted();
    await shard.replayRest();
  }
  return entryCount;
}
