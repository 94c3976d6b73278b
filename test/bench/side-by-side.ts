/**
 * The same load on several servers, interleaved round by round, so that a slow moment of a shared machine hits all:
 * rate, latency and CPU of each, and the ratios to the first server within each round.
 */

import { type BenchmarkResult, runRedisBenchmark } from "./redis-benchmark.ts";
import type { ServerProcess } from "./server-process.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export interface Load {
  readonly name: string;
  readonly what: readonly string[];
  readonly requests: number;
  readonly pipeline: number;
  readonly keyspace: number;
}

export interface Measured {
  readonly load: Load;
  readonly server: string;
  readonly requestsPerSecond: Spread;
  /** CPU seconds of the server process per million requests. */
  readonly cpuPerMillion: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
  /** Rate, CPU and p99 over those of the first server in the same round. */
  readonly rateRatio: Spread;
  readonly cpuRatio: Spread;
  readonly p99Ratio: Spread;
}

interface Sample extends BenchmarkResult {
  readonly cpuPerMillion: number;
}

const CLIENTS = 50;
const VALUE_BYTES = 100;

/** Runs `rounds` rounds of a load over the servers; the first is what the ratios are to. */
export async function measure(load: Load, servers: readonly ServerProcess[], rounds: number): Promise<Measured[]> {
  const samples = servers.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, server] of servers.entries()) samples[index]?.push(await sample(load, server));
  }
  const base = samples[0] ?? [];
  return servers.map((server, index) => {
    const own = samples[index] ?? [];
    const spread = (value: (sample: Sample) => number) => spreadOf(own.map(value));
    const ratio = (value: (sample: Sample) => number) =>
      spreadOf(own.map((one, round) => value(one) / value(base[round] as Sample)));
    return {
      load,
      server: server.name,
      requestsPerSecond: spread((one) => one.requestsPerSecond),
      cpuPerMillion: spread((one) => one.cpuPerMillion),
      p50Ms: spread((one) => one.p50Ms),
      p99Ms: spread((one) => one.p99Ms),
      p999Ms: spread((one) => one.p999Ms),
      rateRatio: ratio((one) => one.requestsPerSecond),
      cpuRatio: ratio((one) => one.cpuPerMillion),
      p99Ratio: ratio((one) => one.p99Ms),
    };
  });
}

async function sample(load: Load, server: ServerProcess): Promise<Sample> {
  const before = server.cpuSeconds();
  const result = await runRedisBenchmark({
    port: server.port,
    what: load.what,
    requests: load.requests,
    pipeline: load.pipeline,
    keyspace: load.keyspace,
    clients: CLIENTS,
    valueBytes: VALUE_BYTES,
  });
  const cpuSeconds = server.cpuSeconds() - before;
  return { ...result, cpuPerMillion: (1e6 * cpuSeconds) / load.requests };
}
