/** docs/benchmarks.md: sections written by the benches between markers, the text around them by people. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "./server-process.ts";
import type { Measured } from "./side-by-side.ts";
import { formatSpread } from "./statistics.ts";

const FILE = join(ROOT, "docs/benchmarks.md");

/** Puts the section's text in place of what the last run wrote; a new section goes to the end. */
export function writeSection(name: string, text: string): void {
  const open = `<!-- bench:${name} -->`;
  const close = `<!-- /bench:${name} -->`;
  const before = existsSync(FILE) ? readFileSync(FILE, "utf8") : "# Benchmarks\n";
  const section = `${open}\n${text.trim()}\n${close}`;
  const start = before.indexOf(open);
  const end = before.indexOf(close);
  const after =
    start < 0 || end < 0
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, start) + section + before.slice(end + close.length);
  writeFileSync(FILE, after);
}

/** The machine and the day, for the head of the report. */
export function describeMachine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const day = new Date().toISOString().slice(0, 10);
  return `${day}: ${cpus().length} × ${cpu?.model.trim() ?? "unknown CPU"}, ${memory} GiB, Linux ${release()}, Node ${process.version}; load average at the end ${loadavg()[1]?.toFixed(1)}.`;
}

/** One row a load and server: rate, CPU, latency, and the ratios to the first server. */
export function formatTable(rows: readonly Measured[]): string {
  const head = [
    "| load | server | thousand/s | CPU s per million | p50 ms | p99 ms | p99.9 ms | rate ratio | CPU ratio | p99 ratio |",
    "|---|---|---|---|---|---|---|---|---|---|",
  ];
  const body = rows.map((row) => {
    const thousands = { ...row.requestsPerSecond };
    const scaled = { median: thousands.median / 1000, min: thousands.min / 1000, max: thousands.max / 1000 };
    const cells = [
      row.load.name,
      row.server,
      formatSpread(scaled, 0),
      formatSpread(row.cpuPerMillion, 1),
      row.p50Ms.median.toFixed(2),
      row.p99Ms.median.toFixed(2),
      row.p999Ms.median.toFixed(2),
      formatSpread(row.rateRatio, 2),
      formatSpread(row.cpuRatio, 2),
      formatSpread(row.p99Ratio, 2),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [...head, ...body].join("\n");
}
