/**
 * `make bench`: measures beside redis-server and writes docs/benchmarks.md.
 * `node test/bench/run.ts local restart` runs only these parts; `--rounds 3` and `--quick` make it shorter, `--long`
 * takes the lengths of DESIGN §9.
 */

import { parseArgs } from "node:util";
import { benchCollections } from "./collections-over-network.ts";
import { benchEmptySlots } from "./empty-slots.ts";
import { benchForwarded } from "./forwarded.ts";
import { judgeBesideRedis, judgeLimit } from "./judge-rows.ts";
import { formatJudgement, type Judged } from "./judgement.ts";
import { benchLargerThanCache } from "./larger-than-cache.ts";
import { loadsOf } from "./loads.ts";
import { benchMemory } from "./memory.ts";
import { describeMachine, formatTable, writeSection } from "./report.ts";
import { benchRestart } from "./restart.ts";
import { OK_SERVER, pikaNode, REDIS, type ServerCommand, ServerProcess } from "./server-process.ts";
import { type Load, type Measured, measure } from "./side-by-side.ts";
import { benchSlowReads } from "./slow-reads.ts";

interface BenchOptions {
  /** Interleaved runs of each load. */
  readonly rounds: number;
  /** Without pipeline 100. */
  readonly isQuick: boolean;
  /** The lengths that DESIGN §9 names: 10 minutes, 10 GB. */
  readonly isLong: boolean;
}

/** Each part with its title, in the order of the report. */
const PARTS: Readonly<Record<string, readonly [title: string, run: (options: BenchOptions) => Promise<string>]>> = {
  local: ["Beside redis-server", (options) => besideRedis(localLoads(options), options)],
  "one-million-keys": [
    "Over 1,000,000 keys",
    (options) => besideRedis(loadsOf(16, 1_000_000, ["set", "get"]), options),
  ],
  limit: [
    "Beside a Node server that answers +OK to everything",
    (options) => sideBySide([OK_SERVER, pikaNode()], loadsOf(16, 100_000, ["get"]), { ...options, judge: judgeLimit }),
  ],
  forwarded: ["Forwarded", benchForwarded],
  collections: ["Large collections", benchCollections],
  "larger-than-cache": ["Random writes over ten times the cache", benchLargerThanCache],
  "slow-reads": ["Slow reads", benchSlowReads],
  restart: ["Restart after a kill", benchRestart],
  memory: ["Memory", benchMemory],
  "empty-slots": ["Empty slots", benchEmptySlots],
};

function besideRedis(loads: readonly Load[], options: BenchOptions): Promise<string> {
  return sideBySide([REDIS, pikaNode()], loads, { ...options, judge: judgeBesideRedis });
}

function localLoads(options: BenchOptions): Load[] {
  const pipelines = options.isQuick ? [1, 16] : [1, 16, 100];
  return pipelines.flatMap((pipeline) => loadsOf(pipeline, 100_000));
}

async function sideBySide(
  commands: readonly ServerCommand[],
  loads: readonly Load[],
  options: BenchOptions & { readonly judge: (rows: readonly Measured[]) => readonly Judged[] },
): Promise<string> {
  const servers: ServerProcess[] = [];
  try {
    for (const command of commands) servers.push(await ServerProcess.start(command));
    await measure({ ...(loads[0] as Load), what: ["-t", "set"], name: "warm-up" }, servers, 1);
    const rows: Measured[] = [];
    for (const load of loads) {
      const measured = await measure(load, servers, options.rounds);
      rows.push(...measured);
      for (const row of measured.slice(1)) {
        say(
          `${row.load.name}: ${row.server} rate ${row.rateRatio.median.toFixed(2)}, CPU ${row.cpuRatio.median.toFixed(2)}`,
        );
      }
    }
    return `${formatTable(rows)}\n\n${formatJudgement(options.judge(rows))}`;
  } finally {
    for (const server of servers) await server.remove();
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: "string", default: "5" },
      quick: { type: "boolean", default: false },
      long: { type: "boolean", default: false },
    },
  });
  const options = { rounds: Number(values.rounds), isQuick: values.quick, isLong: values.long };
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  for (const name of names) {
    const part = PARTS[name];
    if (!part) throw new Error(`no bench ${name}; there are ${Object.keys(PARTS).join(", ")}`);
    const [title, run] = part;
    say(`== ${title}`);
    const from = performance.now();
    const text = await run(options);
    say(`${text}\n(${((performance.now() - from) / 1000).toFixed(0)} s)\n`);
    writeSection(name, `## ${title}\n${describeMachine()} Runs: ${options.rounds}.\n\n${text}`);
  }
}

await main();
