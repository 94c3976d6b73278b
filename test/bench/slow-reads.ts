/** GET over ten times the cache on a database whose reads take a millisecond longer, and what hits feel of it. */

import { formatJudgement } from "./judgement.ts";
import { type BenchmarkResult, runRedisBenchmark } from "./redis-benchmark.ts";
import { benchModule, pikaNode, ServerProcess } from "./server-process.ts";
import { spreadOf } from "./statistics.ts";

const CACHE_MIB = 16;
const KEYS = Math.floor((10 * CACHE_MIB * 2 ** 20) / 140);
const HOT_KEYS = 1000;
/** Enough commands on their way that a millisecond each does not bound the rate. */
const CLIENTS = 200;
const READS = 200_000;
const HITS = 20_000;

export async function benchSlowReads(options: { readonly rounds: number }): Promise<string> {
  const server = await ServerProcess.start(
    pikaNode({
      extra: ["--cache-bytes", `${CACHE_MIB}Mi`],
      preload: () => [benchModule("delay-reads.ts")],
    }),
  );
  try {
    await run(server, { what: "set", requests: KEYS, keyspace: KEYS, pipeline: 16, clients: 50 });
    const rates: number[] = [];
    const p99Ratios: number[] = [];
    for (let round = 0; round < options.rounds; round++) {
      const [, besideHits] = await both(server, HOT_KEYS);
      const [misses, besideMisses] = await both(server, KEYS);
      rates.push(misses.requestsPerSecond);
      p99Ratios.push(besideMisses.p99Ms / besideHits.p99Ms);
    }
    const rate = spreadOf(rates).median;
    const p99 = spreadOf(p99Ratios).median;
    return [
      `Cache ${CACHE_MIB} MiB, ${KEYS.toLocaleString("en")} keys of 100 B, ${CLIENTS} connections that GET random keys without pipelining; beside them 4 connections that GET ${HOT_KEYS} keys which are cached. Their p99 is against that beside 200 connections that only hit as well: what the misses of others cost a hit, not what the load does.`,
      "",
      formatJudgement([
        { what: "GET/s, reads delayed by 1 ms", value: rate, text: rate.toFixed(0), floor: 8000, goal: 30_000 },
        { what: "p99 of hits beside them", value: p99, text: p99.toFixed(2), floor: 3, goal: 1.5, isCost: true },
      ]),
    ].join("\n");
  } finally {
    await server.remove();
  }
}

/** Many connections that read `keyspace` keys, and a few that read cached ones meanwhile. */
async function both(server: ServerProcess, keyspace: number): Promise<readonly [BenchmarkResult, BenchmarkResult]> {
  const many = run(server, { what: "get", requests: READS, keyspace, pipeline: 1, clients: CLIENTS });
  const few = await hits(server);
  return [await many, few];
}

function hits(server: ServerProcess): Promise<BenchmarkResult> {
  return run(server, { what: "get", requests: HITS, keyspace: HOT_KEYS, pipeline: 1, clients: 4 });
}

function run(
  server: ServerProcess,
  load: { what: string; requests: number; keyspace: number; pipeline: number; clients: number },
): Promise<BenchmarkResult> {
  return runRedisBenchmark({ port: server.port, valueBytes: 100, ...load, what: ["-t", load.what] });
}
