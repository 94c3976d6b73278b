/** The loads of the side-by-side tables: redis-benchmark's own tests, as DESIGN names them. */

import type { Load } from "./side-by-side.ts";

const COMMANDS = ["get", "set", "incr", "hset", "lpush", "zadd"] as const;

/** Requests a round: a few seconds for a server of 100,000 to 500,000 a second. */
const REQUESTS: Readonly<Record<number, number>> = { 1: 100_000, 16: 500_000, 100: 500_000 };

/** The loads for one pipeline depth over a number of keys. */
export function loadsOf(pipeline: number, keyspace: number, commands: readonly string[] = COMMANDS): Load[] {
  return commands.map((command) => ({
    name: `${command.toUpperCase()} P=${pipeline}${keyspace === 100_000 ? "" : `, ${keyspace.toLocaleString("en")} keys`}`,
    what: ["-t", command],
    requests: REQUESTS[pipeline] ?? 100_000,
    pipeline,
    keyspace,
  }));
}
