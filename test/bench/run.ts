/**
 * `make bench`: measures beside redis-server and writes docs/benchmarks.md.
 * `node test/bench/run.ts local restart` runs only these parts; `--rounds 3` and `--quick` make it shorter.
 */

import { parseArgs } from "node:util";
import { loadsOf } from "./loads.ts";
import { describeMachine, formatTable, writeSection } from "./report.ts";
import { OK_SERVER, pikaNode, REDIS, type ServerCommand, ServerProcess } from "./server-process.ts";
import { type Load, type Measured, measure } from "./side-by-side.ts";

interface BenchOptions {
  readonly rounds: number;
  readonly isQuick: boolean;
}

const PARTS: Readonly<Record<string, (options: BenchOptions) => Promise<string>>> = {
  local: (options) => sideBySide([REDIS, pikaNode()], localLoads(options), options),
  "one-million-keys": (options) => sideBySide([REDIS, pikaNode()], loadsOf(16, 1_000_000, ["set", "get"]), options),
  limit: (options) => sideBySide([OK_SERVER, pikaNode()], loadsOf(16, 100_000, ["get"]), options),
};

function localLoads(options: BenchOptions): Load[] {
  const pipelines = options.isQuick ? [1, 16] : [1, 16, 100];
  return pipelines.flatMap((pipeline) => loadsOf(pipeline, 100_000));
}

async function sideBySide(
  commands: readonly ServerCommand[],
  loads: readonly Load[],
  options: BenchOptions,
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
    return formatTable(rows);
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
    options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean", default: false } },
  });
  const options = { rounds: Number(values.rounds), isQuick: values.quick };
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS);
  for (const name of names) {
    const part = PARTS[name];
    if (!part) throw new Error(`no bench ${name}; there are ${Object.keys(PARTS).join(", ")}`);
    say(`== ${name}`);
    writeSection(
      name,
      `## ${name}\n${describeMachine()} ${options.rounds} interleaved runs: median (lowest–highest).\n\n${await part(options)}`,
    );
  }
}

await main();
