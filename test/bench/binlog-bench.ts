/**
 * The cost of the append path: nanoseconds for a SET entry, microseconds for a turn, with a real file.
 * Run: node test/bench/binlog-bench.ts [directory]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argv } from "../../node/base/argv.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { Binlog } from "../../node/binlog/binlog.ts";
import { NodeFileSystem } from "../../node/binlog/file-system.ts";
import type { ClusterId, NodeId, ReplicaId, TableId } from "../../node/meta/ids.ts";

const ENTRIES = 1_000_000;
const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "binlog-"));

function report(name: string, nanoseconds: number, per: string): void {
  process.stdout.write(`${name.padEnd(40)} ${nanoseconds.toFixed(0).padStart(8)} ns per ${per}\n`);
}

function run(entriesPerTurn: number, valueBytes: number): void {
  const log = new Binlog(
    {
      directory: `${directory}/${entriesPerTurn}-${valueBytes}`,
      identity: { cluster: "c".repeat(32) as ClusterId, node: "a".repeat(32) as NodeId },
      fsync: "no",
      storedSlots: [],
    },
    {
      files: new NodeFileSystem(),
      clock: new SystemClock(),
      unstoredPositions: () => [],
      fatal: (error) => {
        throw error;
      },
    },
  );
  log.start();
  const slot = log.slot(1 as TableId, 0, 1 as ReplicaId);
  slot.leadTerm = 1;
  const stamp = { nowMs: 1_700_000_000_000, seed: 0, level: 1 };
  const argv = Argv.of("SET", "key:000000012345", "x".repeat(valueBytes));
  let appending = 0n;
  let writing = 0n;
  const turns = Math.trunc(ENTRIES / entriesPerTurn);
  for (let turn = 0; turn < turns; turn++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < entriesPerTurn; i++) log.writer.append(slot, stamp, argv);
    const appended = process.hrtime.bigint();
    log.writer.endTurn();
    appending += appended - started;
    writing += process.hrtime.bigint() - appended;
  }
  const name = `${entriesPerTurn} entries a turn, value ${valueBytes} B`;
  report(`${name}: append`, Number(appending) / (turns * entriesPerTurn), "entry");
  report(`${name}: end of turn`, Number(writing) / turns, "turn");
}

try {
  for (const entriesPerTurn of [800, 50, 1]) run(entriesPerTurn, 100);
  run(50, 16);
  run(50, 1024);
} finally {
  rmSync(directory, { recursive: true });
}
