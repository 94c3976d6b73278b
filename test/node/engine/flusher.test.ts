import { afterEach, expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import { MemoryStore } from "../../../node/engine/memory-store.ts";
import type { SlotSpace } from "../../../node/engine/slot-space.ts";
import { readText, writeText } from "../../contract/transaction.contract.ts";
import { EngineHarness, type EngineHarnessOptions, SLOT } from "../../support/engine-harness.ts";

const TICK_MS = 100;
const AGE_TICKS = 5;
let harness: EngineHarness;

async function open(options: EngineHarnessOptions = {}): Promise<EngineHarness> {
  const engine = { tickMs: TICK_MS, ageTicks: AGE_TICKS, slotDirtyBytes: 10_000, dirtyLimitBytes: 100_000 };
  harness = await EngineHarness.open({ ...options, engine: { ...engine, ...options.engine } });
  harness.engine.flusher.start();
  return harness;
}

afterEach(async () => {
  await harness.engine.abandon();
});

/** Lets ticks pass and what they start come to its end. */
async function tick(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    harness.clock.advance(TICK_MS);
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

const write = (key: string, bytes = 10) => harness.run((tx) => writeText(tx, key, "x".repeat(bytes)));
const flushed = (space: SlotSpace = harness.space) => harness.engine.durableIndex(space);

test("a slot is flushed by age", async () => {
  await open();
  await write("a");
  await tick(AGE_TICKS - 1);
  expect(flushed()).toBe(0);
  await write("b");
  await tick(1);
  expect(flushed()).toBe(2);
  expect(harness.engine.stats.dirtyBytes).toBe(0);
  await tick(AGE_TICKS);
  expect(harness.engine.stats.flushes).toBe(1);
});

test("a slot with many dirty bytes is flushed at once", async () => {
  await open();
  await write("a", 9_000);
  await tick(0);
  expect(flushed()).toBe(0);
  await write("b", 2_000);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(flushed()).toBe(2);
});

test("nothing is written before the log has it, and a refused append only puts it off", async () => {
  let gate = Promise.withResolvers<void>();
  await open({ deps: { log: { syncExecuted: () => gate.promise } } });
  await write("a");
  await tick(AGE_TICKS);
  expect(flushed()).toBe(0);
  expect(harness.store.unsyncedBatchCount).toBe(0);
  gate.reject(new OperatingError("LogRefused", "the append failed"));
  gate = Promise.withResolvers<void>();
  await tick(1);
  expect([flushed(), harness.engine.stats.dirtyBytes, harness.failures]).toEqual([0, 32, []]);
  gate.resolve();
  await tick(AGE_TICKS);
  expect(flushed()).toBe(1);
});

test("every batch is synced", async () => {
  await open();
  for (const key of ["a", "b", "c"]) {
    await write(key);
    await tick(AGE_TICKS);
  }
  expect(flushed()).toBe(3);
  expect(harness.store.unsyncedBatchCount).toBe(0);
});

test("a ceiling holds a slot back, others not, until too much is dirty", async () => {
  let ceiling = 1;
  await open({ deps: { ceilingOf: (space) => (space.slot === SLOT.slot ? ceiling : Number.POSITIVE_INFINITY) } });
  const other = harness.engine.openSlot({ ...SLOT, slot: 9 }, 9);
  await write("a");
  await write("b");
  const tx = harness.engine.begin(other, 1, 1);
  writeText(tx, "c", "x");
  tx.commit();
  other.setApplied(1, 1, 0);
  await tick(2 * AGE_TICKS);
  expect([flushed(), flushed(other)]).toEqual([0, 1]);
  ceiling = 2;
  await write("c");
  await tick(1);
  expect(flushed()).toBe(2);
  await tick(AGE_TICKS);
  expect(flushed()).toBe(2);
  await write("d", 12_000);
  await tick(2);
  expect(flushed()).toBe(3);
});

test("asked for, a slot that is held back is flushed with what changed since it was frozen", async () => {
  await open({ deps: { ceilingOf: () => 0 } });
  const { flusher } = harness.engine;
  for (const flush of [() => flusher.flushAll(), () => flusher.flush(harness.space)]) {
    const before = flushed();
    await write("a");
    await write("b");
    await tick(2 * AGE_TICKS);
    expect(flushed()).toBe(before);
    await write("b", 20);
    await write("c");
    const { flushCount } = flusher;
    await flush();
    expect([flushed() - before, harness.engine.stats.dirtyBytes]).toEqual([4, 0]);
    expect(flusher.flushCount - flushCount).toBe(2);
  }
});

test("writes are slowed gradually from half of the dirty limit on", async () => {
  const gate = Promise.withResolvers<void>();
  await open({ deps: { log: { syncExecuted: () => gate.promise } } });
  const { flusher } = harness.engine;
  const delays: number[] = [];
  for (let i = 0; i < 12; i++) {
    await write(`k${i}`, 9_990);
    delays.push(flusher.writeDelayMs());
  }
  expect(delays.slice(0, 4)).toEqual([0, 0, 0, 0]);
  expect(delays).toEqual([...delays].sort((a, b) => a - b));
  expect(delays[6]).toBeGreaterThan(0);
  expect(delays[6]).toBeLessThan(20);
  expect(delays[11]).toBe(50);
  gate.resolve();
  await tick(3);
  expect(flusher.writeDelayMs()).toBe(0);
});

test("a full disk loses nothing, keeps reads going, and is left when there is room", async () => {
  let hasRoom = false;
  const store = new MemoryStore({ capacityBytes: 400 });
  await open({ store, deps: { hasRoom: () => hasRoom } });
  await write("a");
  await tick(AGE_TICKS);
  expect(flushed()).toBe(1);
  await write("b", 1_000);
  await tick(2 * AGE_TICKS);
  expect(harness.engine.flusher.isFull).toBe(true);
  expect([flushed(), harness.failures]).toEqual([1, []]);
  expect(await harness.run((tx) => readText(tx, "b"))).toBe("x".repeat(1_000));
  await expect(harness.engine.flusher.flushAll()).rejects.toMatchObject({ code: "StoreFull" });
  store.faults.capacityBytes = 10_000;
  hasRoom = true;
  await tick(4 * AGE_TICKS);
  expect(harness.engine.flusher.isFull).toBe(false);
  expect(flushed()).toBe(2);
  expect(harness.engine.stats.dirtyBytes).toBe(0);
});

test("any other failure of the database is fatal", async () => {
  await open();
  harness.store.faults.beforeWrite = () => Promise.reject(new OperatingError("StoreFailed", "broken"));
  await write("a");
  await tick(AGE_TICKS);
  expect(harness.failures).toMatchObject([{ code: "StoreFailed" }]);
  await expect(harness.engine.flusher.flushAll()).rejects.toMatchObject({ code: "StoreFailed" });
});

test("a scan keeps its slot from being flushed by age for a while", async () => {
  await open();
  await write("a");
  await tick(AGE_TICKS);
  await write("b");
  await tick(AGE_TICKS - 1);
  const tx = harness.engine.begin(harness.space, 1, 1);
  expect(() => tx.scanRecords(0, () => true)).toThrow();
  tx.rollback();
  await tx.loadMissed();
  await tick(2);
  expect(flushed()).toBe(1);
  await tick(2 * AGE_TICKS);
  expect(flushed()).toBe(2);
});

test("an idle cache comes down to its limit, though one flush gives up only a part", async () => {
  const MIB = 1024 * 1024;
  await open({ engine: { cacheBytes: 4 * MIB, dirtyLimitBytes: 64 * MIB, slotDirtyBytes: 64 * MIB } });
  for (let i = 0; i < 15_000; i++) await write(`k${i}`, 1000);
  await harness.engine.flusher.flushAll();
  expect(harness.engine.stats.cacheBytes).toBeGreaterThan(4 * MIB);
  await tick(200);
  expect(harness.engine.stats.cacheBytes).toBeLessThanOrEqual(4 * MIB);
});
