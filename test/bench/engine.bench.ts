/**
 * GET and SET through a transaction on a real LevelDB, without network, protocol and log: what the engine itself costs.
 * Run: node --expose-gc test/bench/engine.bench.ts [keys] [cache MiB] [rounds] [operations]. Prints ns of CPU per operation
 * (the main thread's, write-back included, and all threads'), the time of garbage collection,
 * the longest turn of the event loop by CPU time, and the process's memory.
 */

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { SystemClock } from "../../node/base/clock.ts";
import { Prng } from "../../node/base/prng.ts";
import { Engine } from "../../node/engine/engine.ts";
import { engineOptions, LEVEL_BLOCK_CACHE_BYTES, LEVEL_WRITE_BUFFER_BYTES } from "../../node/engine/engine-options.ts";
import { LevelStore } from "../../node/engine/leveldb-store.ts";
import type { OverlayTransaction } from "../../node/engine/overlay-transaction.ts";
import { RECORD_STRING } from "../../node/engine/record-format.ts";
import type { SlotSpace } from "../../node/engine/slot-space.ts";
import { MISS, View } from "../../node/engine/transaction.ts";

const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const SLOTS = 16;
/** Operations in one turn of the event loop: about what 50 connections with a pipeline of 16 send. */
const TURN_OPERATIONS = 800;
const HEAD = Buffer.from([RECORD_STRING]);

let gcMs = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) gcMs += entry.duration;
}).observe({ entryTypes: ["gc"] });

interface Bench {
  readonly keyCount: number;
  /** Where the keys are written, as a decoder finds them in a socket's buffer. */
  readonly input: Buffer;
  readonly value: Buffer;
  readonly engine: Engine;
  readonly spaces: readonly SlotSpace[];
}

const clock = new SystemClock();
const out = new View();
const key = new View();

let inputAt = 0;

/** Writes `key:` and twelve digits somewhere in the input; answers where. */
function writeKey(input: Buffer, index: number): number {
  inputAt = (inputAt + 157) & 0xfff;
  let rest = index;
  for (let at = inputAt + KEY_BYTES - 1; at >= inputAt + 4; at--) {
    const next = (rest / 10) | 0;
    input[at] = 48 + rest - 10 * next;
    rest = next;
  }
  input[inputAt] = 107;
  input[inputAt + 1] = 101;
  input[inputAt + 2] = 121;
  input[inputAt + 3] = 58;
  return inputAt;
}

/** What the bench itself costs. */
function nothing({ input }: Bench, index: number): void {
  writeKey(input, index);
}

/** Reads that the engine wanted to make on the thread pool. */
let missCount = 0;

/** As an executor does, but that a miss is read here at once. */
function execute({ engine, spaces }: Bench, index: number, body: (tx: OverlayTransaction) => void): boolean {
  const space = spaces[index % SLOTS] as SlotSpace;
  const tx = engine.begin(space, 1, index);
  try {
    body(tx);
  } catch (thrown) {
    tx.rollback();
    if (thrown !== MISS) throw thrown;
    missCount++;
    engine.begin(space, 1, index);
    tx.readSynchronously();
    body(tx);
  }
  return tx.commit();
}

let at = 0;
let source: Buffer = Buffer.alloc(0);
let body: Buffer = Buffer.alloc(0);

function getBody(tx: OverlayTransaction): void {
  tx.readRecord(source, at, at + KEY_BYTES, out);
}

function setBody(tx: OverlayTransaction): void {
  tx.readRecord(source, at, at + KEY_BYTES, out);
  key.buf = source;
  key.start = at;
  key.end = at + KEY_BYTES;
  tx.writeRecord(key, HEAD, body, 0, VALUE_BYTES);
}

function get(bench: Bench, index: number): void {
  source = bench.input;
  at = writeKey(source, index);
  execute(bench, index, getBody);
}

function set(bench: Bench, index: number): void {
  source = bench.input;
  body = bench.value;
  at = writeKey(source, index);
  const space = bench.spaces[index % SLOTS] as SlotSpace;
  if (execute(bench, index, setBody)) space.setApplied(space.appliedIndex + 1, 1, 0);
}

interface Load {
  readonly count: number;
  readonly run: (bench: Bench, index: number) => void;
  /** Key by key; else at random. */
  readonly isOrdered?: boolean;
}

async function measure(name: string, bench: Bench, { count, run, isOrdered = false }: Load) {
  const random = new Prng(5);
  const startedCpu = process.cpuUsage();
  const startedThread = process.threadCpuUsage();
  const gcBefore = gcMs;
  const flushed = bench.engine.stats.flushes;
  const startedMs = performance.now();
  let longestMs = 0;
  let turn = process.threadCpuUsage();
  for (let done = 0; done < count; ) {
    for (const end = Math.min(count, done + TURN_OPERATIONS); done < end; done++) {
      run(bench, isOrdered ? done % bench.keyCount : random.nextUint32() % bench.keyCount);
    }
    const used = process.threadCpuUsage(turn);
    longestMs = Math.max(longestMs, (used.user + used.system) / 1000);
    const delayMs = bench.engine.flusher.writeDelayMs();
    if (delayMs > 0) await pause(delayMs);
    else await new Promise((resolve) => setImmediate(resolve));
    turn = process.threadCpuUsage();
  }
  const wallMs = performance.now() - startedMs;
  const cpu = process.cpuUsage(startedCpu);
  const thread = process.threadCpuUsage(startedThread);
  const memory = process.memoryUsage();
  const anonymous = /RssAnon:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
  const stats = bench.engine.stats;
  const mib = (bytes: number) => `${(bytes / 1048576).toFixed(0)} MiB`;
  process.stdout.write(
    `${name.padEnd(22)} ${(((thread.user + thread.system) * 1000) / count).toFixed(0).padStart(6)} ns/op  all threads ${(((cpu.user + cpu.system) * 1000) / count).toFixed(0)} ns/op  ` +
      `${((count / wallMs) | 0).toString()}k/s  gc ${(gcMs - gcBefore).toFixed(1)} ms  longest turn ${longestMs.toFixed(1)} ms  anonymous ${mib(Number(anonymous) * 1024)}  heap ${mib(memory.heapUsed)}  ` +
      `cache ${mib(stats.cacheBytes)}  dirty ${mib(stats.dirtyBytes)}  flushes ${stats.flushes - flushed}  evictions ${stats.evictions}  reads ${stats.misses} of ${stats.readAverageUs.toFixed(0)} µs  misses ${missCount}\n`,
  );
}

async function main(): Promise<void> {
  const keyCount = Number(process.argv[2] ?? 100_000);
  const cacheMib = Number(process.argv[3] ?? 512);
  const rounds = Number(process.argv[4] ?? 2);
  const operations = Number(process.argv[5] ?? 2_000_000);
  const location = await mkdtemp(join(tmpdir(), "pika-bench-"));
  const store = new LevelStore({
    location,
    writeBufferBytes: LEVEL_WRITE_BUFFER_BYTES,
    blockCacheBytes: LEVEL_BLOCK_CACHE_BYTES,
  });
  const engine = new Engine(engineOptions(cacheMib * 1024 * 1024), {
    store,
    clock,
    log: { syncExecuted: async () => {} },
    fatal: (error) => {
      throw error;
    },
  });
  await engine.open();
  engine.start();
  const spaces = Array.from({ length: SLOTS }, (_, slot) =>
    engine.openSlot({ table: 1, slot, hashKey: { k0: 0x1234567, k1: 0x89abcdef } }, slot + 1),
  );
  const bench: Bench = { keyCount, input: Buffer.alloc(8192), value: Buffer.alloc(VALUE_BYTES, "x"), engine, spaces };
  await measure("SET, new keys", bench, { count: keyCount, run: set, isOrdered: true });
  await measure("(the bench itself)", bench, { count: 2_000_000, run: nothing });
  for (let round = 0; round < rounds; round++) {
    await measure("GET", bench, { count: operations, run: get });
    await measure("SET", bench, { count: operations, run: set });
  }
  const closing = performance.now();
  await engine.close();
  process.stdout.write(`close with a flush of all: ${(performance.now() - closing).toFixed(0)} ms\n`);
  await rm(location, { recursive: true });
}

await main();
