/**
 * The data plane without clients, on a real disk: nanoseconds a command of SET, GET and INCR over one slot, in turns
 * of 50, and the start with 10,000 empty slots.
 * Run: node test/bench/data-plane-bench.ts [directory]
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Argv } from "../../node/base/argv.ts";
import { SystemClock } from "../../node/base/clock.ts";
import { Prng } from "../../node/base/prng.ts";
import { NodeFileSystem } from "../../node/binlog/file-system.ts";
import type { DataCommand } from "../../node/commands/command.ts";
import { CommandRegistry, dataCommands } from "../../node/commands/registry.ts";
import { DataPlane } from "../../node/data-plane.ts";
import { LEVEL_BLOCK_CACHE_BYTES, LEVEL_WRITE_BUFFER_BYTES } from "../../node/engine/engine-options.ts";
import { LevelStore } from "../../node/engine/leveldb-store.ts";
import type { ClusterId, NodeId, ReplicaId, TableId } from "../../node/meta/ids.ts";
import { ReplyWriter } from "../../node/resp/reply.ts";

const COMMANDS = 1_000_000;
const TURN = 50;
const KEYS = 100_000;
const EMPTY_SLOTS = 10_000;
const table = 1 as TableId;
const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), "plane-"));
const registry = new CommandRegistry<never>(dataCommands);
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

function open(name: string): DataPlane {
  const path = join(root, name);
  return new DataPlane(
    {
      paths: { root: path, binlog: join(path, "binlog"), lostWrites: join(path, "lost-writes") },
      identity: { cluster: "c".repeat(32) as ClusterId, node: "a".repeat(32) as NodeId },
      fsync: "everysec",
      cacheBytes: 256 * 1024 * 1024,
      hashKeyOf: () => ({ k0: 1, k1: 2 }),
      hasPeers: () => false,
      level: () => 1,
    },
    {
      clock: new SystemClock(),
      store: new LevelStore({
        location: join(path, "database"),
        writeBufferBytes: LEVEL_WRITE_BUFFER_BYTES,
        blockCacheBytes: LEVEL_BLOCK_CACHE_BYTES,
      }),
      files: new NodeFileSystem(),
      seeds: new Prng(1),
      resolve: (argv) => registry.resolve(argv),
      logger: silent,
      fatal: (error) => {
        throw error;
      },
    },
  );
}

function report(name: string, value: number, unit: string): void {
  process.stdout.write(`${name.padEnd(44)} ${value.toFixed(0).padStart(8)} ${unit}\n`);
}

function dataCommand(argv: Argv): DataCommand {
  const command = registry.resolve(argv);
  if (typeof command === "string" || command.scope !== "data") throw new Error(String(command));
  return command;
}

async function measure(plane: DataPlane, name: string, make: (key: string) => Argv): Promise<void> {
  const shard = plane.executors.find(table, 0);
  if (!shard) throw new Error("no slot");
  // As from a socket: a few buffers that are used again and again, with other keys in them.
  const argvs = Array.from({ length: TURN }, () => make("key:000000000000"));
  const command = dataCommand(argvs[0] as Argv);
  const reply = new ReplyWriter();
  const random = new Prng(3);
  let elapsed = 0n;
  const cpu = process.cpuUsage();
  for (let done = 0; done < COMMANDS; done += TURN) {
    const from = process.hrtime.bigint();
    for (let i = 0; i < TURN; i++) {
      const argv = argvs[i] as Argv;
      writeNumber(argv.buf, argv.end(1), random.nextBelow(KEYS));
      shard.execute(command, argv, reply);
    }
    const error = plane.executors.endTurn();
    elapsed += process.hrtime.bigint() - from;
    if (error !== undefined) throw new Error(error);
    reply.rewind(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(cpu);
  report(`${name}, on the main thread`, Number(elapsed) / COMMANDS, "ns a command");
  report(`${name}, CPU of the whole process`, ((user + system) * 1000) / COMMANDS, "ns a command");
}

/** Writes decimal digits that end before `end`. */
function writeNumber(buf: Buffer, end: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - 6; at--) {
    buf[at] = 48 + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
}

async function measureStart(): Promise<void> {
  const first = open("empty");
  await first.start();
  const from = performance.now();
  await first.replicas.create(
    Array.from({ length: EMPTY_SLOTS }, (_, slot) => ({ table, slot, replica: (slot + 1) as ReplicaId })),
  );
  report(`making ${EMPTY_SLOTS} slots`, performance.now() - from, "ms");
  await first.stop();
  const again = performance.now();
  const second = open("empty");
  await second.start();
  for (const replica of second.replicas.all()) await replica.becomeLeader(replica.term + 1);
  report(`start with ${EMPTY_SLOTS} empty slots`, performance.now() - again, "ms");
  report("its resident memory", process.memoryUsage().rss / 2 ** 20, "MiB");
  await second.stop();
}

try {
  await measureStart();
  const plane = open("full");
  await plane.start();
  await plane.replicas.create([{ table, slot: 0, replica: 1 as ReplicaId }]);
  await plane.replicas.find(table, 0)?.becomeLeader(1);
  const value = "x".repeat(100);
  for (let round = 0; round < 2; round++) {
    await measure(plane, "SET of 100 B", (key) => Argv.of("SET", key, value));
    await measure(plane, "GET of 100 B", (key) => Argv.of("GET", key));
    await measure(plane, "INCR", (key) => Argv.of("INCR", `n${key}`));
  }
  await plane.stop();
  const from = performance.now();
  const again = open("full");
  await again.start();
  report("start after a stop", performance.now() - from, "ms");
  await again.stop();
} finally {
  rmSync(root, { recursive: true });
}
