/**
 * The engine's LogGate over the log and the turn: "the database never knows what the log does not".
 */

import { OperatingError } from "../base/errors.ts";
import type { Binlog } from "../binlog/binlog.ts";
import type { AppliedSpace, LogGate } from "../engine/flusher.ts";
import type { TableId } from "../meta/ids.ts";
import type { Shards } from "./shards.ts";

export class TurnLogGate implements LogGate {
  /** Set once both exist: the engine is made before the shards that stand on it. */
  log: Binlog | undefined;
  shards: Shards | undefined;

  /** @throws OperatingError LogRefused: a turn failed since the call, or before it and `spaces` are still being undone. */
  async syncExecuted(spaces: readonly AppliedSpace[]): Promise<void> {
    const { log, shards } = this;
    if (log === undefined || shards === undefined) return;
    const failedTurnCount = shards.failedTurnCount;
    while (log.writer.hasUnwritten && shards.failedTurnCount === failedTurnCount) {
      shards.requestEnd();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (shards.failedTurnCount === failedTurnCount) await log.syncer.sync();
    const isWritten = ({ table, slot, index }: AppliedSpace) => {
      const shard = shards.find(table as TableId, slot);
      return shard === undefined || index <= log.writer.writtenIndex(shard.log);
    };
    if (shards.failedTurnCount === failedTurnCount && spaces.every(isWritten)) return;
    throw new OperatingError("LogRefused", "the log could not take what was executed; it is undone");
  }
}
