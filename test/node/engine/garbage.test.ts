import { expect, test } from "vitest";
import { writeText } from "../../contract/transaction.contract.ts";
import { EngineHarness } from "../../support/engine-harness.ts";

const EVERYTHING = { gte: Buffer.alloc(1), lt: Buffer.alloc(9, 0xff) };

async function storedCount(harness: EngineHarness): Promise<number> {
  return (await harness.store.iterate(EVERYTHING).next(100_000)).length;
}

/** A tree of 3,000 pages: more than one round deletes. */
async function writeTree(harness: EngineHarness): Promise<number> {
  return await harness.run((tx) => {
    const tree = tx.newTreeId();
    for (let page = 1; page <= 6000; page++) tx.writePage(tree, page, Buffer.alloc(40));
    return tree;
  });
}

test("a discarded tree is deleted in rounds, also after a crash in the middle", async () => {
  const harness = await EngineHarness.open();
  const tree = await writeTree(harness);
  await harness.engine.flusher.flushAll();
  const sizeBytes = harness.space.sizeBytes;
  await harness.run((tx) => tx.discardTree(tree));
  await harness.engine.flusher.flushAll();
  expect(await harness.engine.garbage.collect()).toBe(false);
  const left = await storedCount(harness);
  expect(left).toBeGreaterThan(100);
  expect(left).toBeLessThan(5000);
  expect(harness.space.sizeBytes).toBeLessThan(sizeBytes / 2);
  const next = await harness.crash();
  expect(next.space.keyCount).toBe(0);
  while (!(await next.engine.garbage.collect()));
  // The slot record and the counters.
  expect(await storedCount(next)).toBe(2);
  await next.close();
});

test("pages of a tree that is discarded before its flush never reach the database", async () => {
  const harness = await EngineHarness.open();
  const tree = await writeTree(harness);
  await harness.run((tx) => tx.discardTree(tree));
  await harness.engine.flusher.flushAll();
  // The mark, the slot record and the counters.
  expect(await storedCount(harness)).toBe(3);
  expect([harness.engine.stats.dirtyBytes, harness.engine.stats.cacheEntries]).toEqual([0, 0]);
  await harness.close();
});

test("FLUSHDB is immediate; its records are deleted from cache and database later", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => {
    for (let i = 0; i < 1000; i++) writeText(tx, `k${i}`, "x");
  });
  await harness.engine.flusher.flushAll();
  await harness.run((tx) => tx.flushAll());
  expect(harness.space.keyCount).toBe(0);
  await harness.run((tx) => writeText(tx, "new", "x"));
  await harness.engine.flusher.flushAll();
  while (!(await harness.engine.garbage.collect()));
  expect(harness.engine.stats.cacheEntries).toBe(1);
  expect(await storedCount(harness)).toBe(3);
  await harness.close();
});

test("what fails while the database is closed is tried again", async () => {
  const harness = await EngineHarness.open();
  harness.engine.garbage.start();
  await harness.run((tx) => writeText(tx, "k", "x"));
  await harness.engine.flusher.flushAll();
  await harness.run((tx) => tx.flushAll());
  await harness.engine.flusher.flushAll();
  await harness.store.close();
  await harness.clock.advanceAsync(1000);
  expect(harness.failures).toEqual([]);
  await harness.store.open();
  await harness.clock.advanceAsync(2000);
  expect(harness.engine.garbage.deletedCount).toBe(1);
  await harness.close();
});
