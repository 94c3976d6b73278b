/** Anonymous memory of a node with a small cache and far more data. */

import { formatJudgement } from "./judgement.ts";
import { runRedisBenchmark } from "./redis-benchmark.ts";
import { pikaNode, ServerProcess } from "./server-process.ts";

const VALUE_BYTES = 1000;
const STEPS = 10;
const READS = 200_000;

export async function benchMemory(options: { readonly isLong: boolean }): Promise<string> {
  const gigabytes = options.isLong ? 10 : 2;
  const keys = (gigabytes * 1e9) / VALUE_BYTES;
  const server = await ServerProcess.start(pikaNode({ extra: ["--cache-bytes", "64Mi"] }));
  try {
    const seen: number[] = [];
    // Random keys: of as many writes as keys, two thirds are keys; written half as often again, it is the amount.
    for (let step = 0; step < STEPS; step++) {
      await load(server, { what: "set", requests: Math.round((1.5 * keys) / STEPS), keys });
      seen.push(server.rssAnonBytes());
    }
    await load(server, { what: "get", requests: READS, keys });
    seen.push(server.rssAnonBytes());
    const mib = seen.map((bytes) => bytes / 2 ** 20);
    const value = Math.max(...mib);
    const row = { what: `RssAnon, cache 64 MiB, ${gigabytes} GB of data, MiB (most)`, value, text: value.toFixed(0) };
    return `Looked at ten times while filling with values of ${VALUE_BYTES} B and once after reading at random: ${mib.map((one) => one.toFixed(0)).join(", ")} MiB.\n\n${formatJudgement([{ ...row, floor: 350, goal: 220, isCost: true }])}`;
  } finally {
    await server.remove();
  }
}

async function load(server: ServerProcess, what: { what: string; requests: number; keys: number }): Promise<void> {
  await runRedisBenchmark({
    ...{ port: server.port, what: ["-t", what.what], requests: what.requests, pipeline: 16, clients: 50 },
    ...{ keyspace: what.keys, valueBytes: VALUE_BYTES },
  });
}
