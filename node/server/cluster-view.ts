/**
 * What CLUSTER sees: the topology, and the records of slots that this node leads.
 */

import { Argv } from "../base/argv.ts";
import type { DataCommand } from "../commands/command.ts";
import type { ClusterView } from "../commands/session.ts";
import { redisSlotOf } from "../meta/slot.ts";
import { ReplyWriter } from "../resp/reply.ts";
import { headerNumber, lineEnd } from "../resp/reply-scan.ts";
import type { Executors } from "../shard/executor.ts";
import type { Routes } from "./routes.ts";
import type { TableView } from "./tables.ts";

export interface ClusterViewDeps {
  readonly routes: Routes;
  readonly executors: Executors;
  /** The command KEYS, by which the keys of a slot are found. */
  readonly keysCommand: DataCommand;
}

/** The view of a connection that sees `tableOf()`. */
export function createClusterView(deps: ClusterViewDeps, tableOf: () => TableView): ClusterView {
  const { routes, executors } = deps;
  return {
    self: routes.self,
    current: () => routes.topology,
    countRecords: (slot) => executors.find(tableOf().id, slot)?.recordCount,
    keysInRedisSlot: (redisSlot, limit) => {
      const table = tableOf();
      const slot = Math.floor((redisSlot * table.slots) / 16_384);
      const executor = executors.find(table.id, slot);
      if (!executor?.isServing) return [];
      const reply = new ReplyWriter();
      if (executor.execute(deps.keysCommand, Argv.of("KEYS", "*"), reply) !== "done") return [];
      return readKeys(reply.buf)
        .filter((key) => redisSlotOf(key, 0, key.length) === redisSlot)
        .slice(0, limit);
    },
  };
}

/** The bulk strings of an array reply. */
function readKeys(reply: Buffer): Buffer[] {
  const keys: Buffer[] = [];
  let at = lineEnd(reply, 0);
  for (let left = headerNumber(reply, 0); left > 0; left--) {
    const size = headerNumber(reply, at);
    const start = lineEnd(reply, at);
    keys.push(Buffer.from(reply.subarray(start, start + size)));
    at = start + size + 2;
  }
  return keys;
}
