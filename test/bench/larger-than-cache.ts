/**
 * Random SET over ten times the cache: does the rate hold, how long are the slowest commands, and how long does the
 * event loop stand still for others.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatJudgement } from "./judgement.ts";
import { type BenchmarkResult, runRedisBenchmark } from "./redis-benchmark.ts";
import { benchModule, pikaNode, ServerProcess } from "./server-process.ts";

const CACHE_MIB = 64;
/** 100 B values and 16 B keys take about 140 B in the cache. */
const KEYS = Math.floor((10 * CACHE_MIB * 2 ** 20) / 140);
const SLICE_SECONDS = 10;
const MINUTE_SLICES = 6;
const FIRST_RATE = 100_000;

interface Slice extends BenchmarkResult {
  readonly cpuPerMillion: number;
}

export async function benchLargerThanCache(options: { readonly isLong: boolean }): Promise<string> {
  const minutes = options.isLong ? 10 : 2;
  const server = await ServerProcess.start(
    pikaNode({
      extra: ["--cache-bytes", `${CACHE_MIB}Mi`],
      preload: (directory) => [benchModule("watch-turns.ts", { file: join(directory, "turns") })],
    }),
  );
  try {
    const fill = await slice(server, KEYS);
    const turnsBefore = turnsMillis(server).length;
    const slices: Slice[] = [];
    let rate = fill.requestsPerSecond || FIRST_RATE;
    for (let i = 0; i < minutes * MINUTE_SLICES; i++) {
      const result = await slice(server, Math.round(rate * SLICE_SECONDS));
      slices.push(result);
      rate = result.requestsPerSecond;
    }
    const turns = turnsMillis(server).slice(turnsBefore);
    return report(slices, { turns, minutes, rssAnonBytes: server.rssAnonBytes() });
  } finally {
    await server.remove();
  }
}

async function slice(server: ServerProcess, requests: number): Promise<Slice> {
  const before = server.cpuSeconds();
  const result = await runRedisBenchmark({
    ...{ port: server.port, what: ["-t", "set"], requests, pipeline: 16, clients: 50 },
    ...{ keyspace: KEYS, valueBytes: 100 },
  });
  return { ...result, cpuPerMillion: (1e6 * (server.cpuSeconds() - before)) / requests };
}

/** The longest turn of each second so far. */
function turnsMillis(server: ServerProcess): number[] {
  const text = readFileSync(join(server.directory, "turns"), "utf8");
  return text
    .trim()
    .split("\n")
    .map((line) => Number(line) / 1000);
}

function report(
  slices: readonly Slice[],
  seen: { readonly turns: readonly number[]; readonly minutes: number; readonly rssAnonBytes: number },
): string {
  const minute = (part: readonly Slice[]) => ({
    rate: mean(part.map((one) => one.requestsPerSecond)),
    p99: mean(part.map((one) => one.p99Ms)),
    cpu: mean(part.map((one) => one.cpuPerMillion)),
    max: Math.max(...part.map((one) => one.maxMs)),
  });
  const minutes = Array.from({ length: seen.minutes }, (_, i) =>
    minute(slices.slice(i * MINUTE_SLICES, (i + 1) * MINUTE_SLICES)),
  );
  const [first, last] = [minutes[0] ?? minute([]), minutes.at(-1) ?? minute([])];
  const longest = Math.max(...seen.turns);
  const rows = [
    { what: "rate of the last minute against the first", value: last.rate / first.rate, floor: 0.5, goal: 0.8 },
    { what: "p99 of the last minute against the first", value: last.p99 / first.p99, floor: 5, goal: 2, isCost: true },
    { what: "longest turn of the event loop, CPU ms", value: longest, floor: 30, goal: 8, isCost: true },
  ].map((row) => ({ ...row, text: row.value.toFixed(2) }));
  const lines = minutes.map(
    ({ rate, p99, max, cpu }, i) =>
      `| ${i + 1} | ${(rate / 1000).toFixed(0)} | ${p99.toFixed(1)} | ${max.toFixed(0)} | ${cpu.toFixed(1)} |`,
  );
  const sorted = seen.turns.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? Number.NaN;
  return [
    `Cache ${CACHE_MIB} MiB, ${KEYS.toLocaleString("en")} keys of 100 B written beforehand, then SET of random keys for ${seen.minutes} minutes, 50 connections, pipeline 16.`,
    `Of each second's longest turn the median is ${median.toFixed(1)} ms. RssAnon at the end: ${(seen.rssAnonBytes / 2 ** 20).toFixed(0)} MiB.`,
    "",
    "| minute | thousand/s | p99 ms | max ms | CPU s per million |",
    "|---|---|---|---|---|",
    ...lines,
    "",
    formatJudgement(rows),
  ].join("\n");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
