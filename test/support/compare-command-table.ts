/**
 * Compares what our command records say (arity, key positions, flags) with COMMAND INFO of a redis-server 7.0 of this
 * machine: `node test/support/compare-command-table.ts`. A tool for whoever adds a family, not a test.
 */

import type { DataCommand } from "../../node/commands/command.ts";
import { dataCommands } from "../../node/commands/registry.ts";
import { RedisServer } from "./redis-server.ts";
import { decodeReplies } from "./reply-decoder.ts";

/** The flags that mean the same in both. */
const FLAGS = ["write", "readonly", "denyoom", "admin", "blocking", "fast", "loading", "stale", "movablekeys"] as const;

interface TableEntry {
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keys: readonly number[];
}

/** Keys that a function finds are 0 0 0, or what Redis says of those at a fixed place: not compared. */
function keysOf({ keys }: DataCommand): readonly number[] | undefined {
  if (keys.kind === "find") return undefined;
  return keys.kind === "range" ? [keys.first, keys.last, keys.step] : [0, 0, 0];
}

function compare(command: DataCommand, redis: TableEntry): string[] {
  const found: string[] = [];
  if (command.arity !== redis.arity) found.push(`arity ${command.arity}, redis ${redis.arity}`);
  const keys = keysOf(command);
  if (keys !== undefined && keys.join() !== redis.keys.join()) found.push(`keys ${keys}, redis ${redis.keys}`);
  for (const flag of FLAGS) {
    const isOurs = flag === "movablekeys" ? command.keys.kind === "find" : command.flags.includes(flag);
    if (isOurs !== redis.flags.includes(flag)) found.push(isOurs ? `has ${flag}` : `lacks ${flag}`);
  }
  return found;
}

const server = await RedisServer.start();
try {
  const replies = await server.pipeline(dataCommands.map(({ name }) => ["command", "info", name]));
  dataCommands.forEach((command, index) => {
    const [[info]] = decodeReplies(replies[index] as Buffer) as unknown as [[readonly unknown[] | null]];
    const entry = info && {
      arity: info[1] as number,
      flags: info[2] as string[],
      keys: info.slice(3, 6) as number[],
    };
    const found = entry ? compare(command, entry) : ["is not known to this redis-server"];
    if (found.length > 0) process.stdout.write(`${command.name}: ${found.join("; ")}\n`);
  });
} finally {
  await server.stop();
}
process.stdout.write(`${dataCommands.length} commands compared\n`);
