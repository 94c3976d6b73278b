/** Runs redis-benchmark and reads its report: rate and latency percentiles of one test. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface BenchmarkRun {
  readonly port: number;
  /** As redis-benchmark's arguments: `["-t", "set"]`, or a command to repeat. */
  readonly what: readonly string[];
  readonly requests: number;
  readonly pipeline: number;
  readonly clients: number;
  /** Random keys in this range; 0: one key. */
  readonly keyspace: number;
  readonly valueBytes: number;
}

export interface BenchmarkResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** No run takes longer; a server that hangs is an error. */
const DEADLINE_MS = 300_000;

const execute = promisify(execFile);

/** @throws Error with redis-benchmark's words when the server answered an error or the run did not end. */
export async function runRedisBenchmark(run: BenchmarkRun): Promise<BenchmarkResult> {
  const random = run.keyspace > 0 ? ["-r", `${run.keyspace}`] : [];
  const args = ["-h", "127.0.0.1", "-p", `${run.port}`, "-c", `${run.clients}`, "-n", `${run.requests}`];
  const shape = ["-P", `${run.pipeline}`, "-d", `${run.valueBytes}`, "--precision", "3", ...random];
  const { stdout, stderr } = await execute("redis-benchmark", [...args, ...shape, ...run.what], {
    timeout: DEADLINE_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  const errors = `${stdout}\n${stderr}`.split(/[\r\n]/).filter((line) => /^Error/.test(line));
  if (errors.length > 0) throw new Error(`redis-benchmark ${run.what.join(" ")}: ${errors[0]}`);
  return readReport(stdout);
}

/** Reads the long form of the report. */
function readReport(text: string): BenchmarkResult {
  const rate = /throughput summary: ([\d.]+) requests per second/.exec(text);
  if (!rate) throw new Error(`not a report of redis-benchmark: ${text.slice(-300)}`);
  const distribution = text.slice(0, text.indexOf("Cumulative distribution"));
  const points = [...distribution.matchAll(/([\d.]+)% <= ([\d.]+) milliseconds/g)].map((match) => ({
    percent: Number(match[1]),
    ms: Number(match[2]),
  }));
  const at = (percent: number) => points.find((point) => point.percent >= percent)?.ms ?? Number.NaN;
  return {
    requestsPerSecond: Number(rate[1]),
    p50Ms: at(50),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: points.at(-1)?.ms ?? Number.NaN,
  };
}
