import { expect, test } from "vitest";
import { Prng } from "../../../node/base/prng.ts";
import { readText, writeText } from "../../contract/transaction.contract.ts";
import { EngineHarness } from "../../support/engine-harness.ts";

const CACHE_BYTES = 2 * 1024 * 1024;

test("a data set of many times the cache stays within it, whatever the sizes", async () => {
  const harness = await EngineHarness.open({
    engine: { cacheBytes: CACHE_BYTES, slotDirtyBytes: 100_000, dirtyLimitBytes: 400_000 },
  });
  const random = new Prng(3);
  const sizes = new Map<string, number>();
  for (let round = 0; round < 120; round++) {
    // Each round has its own favourite size, so that memory must move between size classes.
    const favourite = 50 << (round % 8);
    await harness.run((tx) => {
      for (let i = 0; i < 60; i++) {
        const key = `k${random.nextBelow(5000)}`;
        const bytes = favourite + random.nextBelow(100);
        writeText(tx, key, "x".repeat(bytes));
        sizes.set(key, bytes);
      }
    });
    await harness.engine.flusher.flushAll();
    await harness.run((tx) => readText(tx, "k1"));
    const { cacheBytes } = harness.engine.stats;
    expect(cacheBytes).toBeLessThan(CACHE_BYTES * 1.1);
  }
  expect([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(CACHE_BYTES);
  expect(harness.engine.stats.evictions).toBeGreaterThan(100);
  for (const [key, bytes] of sizes) {
    expect(await harness.run((tx) => readText(tx, key)?.length)).toBe(bytes);
  }
  await harness.close();
});

test("what is used stays, what is not goes", async () => {
  const harness = await EngineHarness.open({ engine: { cacheBytes: CACHE_BYTES } });
  const write = (key: string) => harness.run((tx) => writeText(tx, key, "x".repeat(200)));
  for (let i = 0; i < 100; i++) await write(`hot ${i}`);
  for (let i = 0; i < 20_000; i++) {
    await write(`cold ${i}`);
    if (i % 500 === 0) await harness.engine.flusher.flushAll();
    await harness.run((tx) => readText(tx, `hot ${i % 100}`));
  }
  await harness.engine.flusher.flushAll();
  let reads = 0;
  harness.store.faults.onReadSync = () => reads++;
  for (let i = 0; i < 100; i++) await harness.run((tx) => readText(tx, `hot ${i}`));
  expect(reads).toBeLessThan(5);
  await harness.close();
});
