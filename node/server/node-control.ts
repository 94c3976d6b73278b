/**
 * What the commands INFO, DEBUG, SHUTDOWN, WAIT and their like can do, for one connection.
 */

import { Argv } from "../base/argv.ts";
import type { Clock } from "../base/clock.ts";
import { delay } from "../base/clock.ts";
import type { DataCommand } from "../commands/command.ts";
import type { NodeControl } from "../commands/session.ts";
import { headerNumber, isErrorReply } from "../resp/reply-scan.ts";
import type { CommandPlan } from "./command-plan.ts";
import type { InfoText, KeyCounts } from "./info.ts";
import type { ReplicaWaits } from "./replica-waits.ts";
import type { ClientSession } from "./session.ts";
import type { SpreadRunner } from "./spread-runner.ts";
import type { Statistics } from "./statistics.ts";

export interface NodeControlDeps {
  readonly clock: Clock;
  readonly info: InfoText;
  readonly node: Pick<NodeControl, "setActiveExpiry" | "lastSaveSeconds"> & {
    readonly onShutdown: () => void;
  };
  readonly waits: ReplicaWaits;
  readonly spread: SpreadRunner;
  readonly statistics: Statistics;
  readonly plans: () => Iterable<CommandPlan>;
  /** DBSIZE and PIKA EXPIRING. */
  readonly keyCommands: { readonly all: DataCommand; readonly expiring: DataCommand };
}

export function createNodeControl(session: ClientSession, deps: NodeControlDeps): NodeControl {
  const { clock, info, node, statistics } = deps;
  return {
    info: (sections) => info.write(sections, () => countKeys(session, deps)),
    resetStatistics: () => {
      statistics.reset();
      for (const plan of deps.plans()) plan.resetStatistics();
    },
    shutdown: () => node.onShutdown(),
    setActiveExpiry: (isOn) => node.setActiveExpiry(isOn),
    sleep: (durationMs) => delay(clock, durationMs),
    waitReplicas: (count, timeoutMs) => {
      const { id } = session.access.table;
      const { leaving, written } = session;
      return deps.waits.wait({ table: id, slots: written.of(id), count, timeoutMs, signal: leaving });
    },
    now: () => ({ ms: clock.wallMs(), micros: Math.floor((clock.monotonicMs() % 1) * 1000) }),
    lastSaveSeconds: () => node.lastSaveSeconds(),
  };
}

/** Records of the connection's table in the whole cluster; 0 where a leader does not answer. */
async function countKeys(session: ClientSession, deps: NodeControlDeps): Promise<KeyCounts> {
  const { access } = session;
  if (!access.isAuthenticated || !access.table.exists) return { all: 0, expiring: 0 };
  const { keyCommands, spread } = deps;
  const count = async (command: DataCommand, argv: Argv) => {
    const reply = await spread.run({ table: access.table, command, argv, protocol: 2 });
    return isErrorReply(reply) ? 0 : headerNumber(reply, 0);
  };
  const [all, expiring] = await Promise.all([
    count(keyCommands.all, Argv.of("DBSIZE")),
    count(keyCommands.expiring, Argv.of("PIKA", "EXPIRING")),
  ]);
  return { all, expiring };
}
