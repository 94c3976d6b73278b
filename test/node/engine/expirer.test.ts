import { expect, test } from "vitest";
import { RECORD_SET, RECORD_STRING, type RecordType, writeRecordHeader } from "../../../node/engine/record-format.ts";
import type { Transaction } from "../../../node/engine/transaction.ts";
import { readText, scanAll } from "../../contract/transaction.contract.ts";
import { EngineHarness, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";

interface Expiring {
  readonly expireAtMs: number;
  readonly type?: RecordType;
  readonly trees?: readonly number[];
}

function writeExpiring(tx: Transaction, key: string, { expireAtMs, type = RECORD_STRING, trees = [] }: Expiring): void {
  const buf = Buffer.from(key);
  const head = Buffer.alloc(9);
  const end = writeRecordHeader(head, 0, { type, isTree: trees.length > 0, expireAtMs });
  const body = Buffer.alloc(32 * trees.length);
  for (const [i, tree] of trees.entries()) body.writeUIntBE(tree, 32 * i, 6);
  tx.writeRecord({ buf, start: 0, end: buf.length }, head.subarray(0, end), body, 0, body.length);
}

/** All keys of the database but the slot record and the counters, as hex of kind and rest. */
async function stored(harness: EngineHarness, kind: number): Promise<number> {
  const gte = Buffer.alloc(9);
  gte[7] = harness.space.generation;
  gte[8] = kind;
  const lt = Buffer.from(gte);
  lt[8] = kind + 1;
  const entries = await harness.store.iterate({ gte, lt }).next(1000);
  return entries.length;
}

async function expireAll(harness: EngineHarness): Promise<void> {
  await harness.engine.expirer.expire();
  await harness.engine.flusher.flushAll();
}

for (const cacheBytes of [TINY_CACHE_BYTES, 1 << 26]) {
  test(`removes what is due by the slot's time, and nothing else (cache of ${cacheBytes})`, async () => {
    const harness = await EngineHarness.open({ engine: { cacheBytes } });
    harness.slowReads(1000);
    await harness.run((tx) => {
      for (let i = 0; i < 300; i++) writeExpiring(tx, `k${i}`, { expireAtMs: 1000 + i });
    });
    await harness.engine.flusher.flushAll();
    await harness.engine.expirer.expire();
    expect(harness.engine.expirer.expiredCount).toBe(0);
    harness.space.advanceTime(1099);
    await expireAll(harness);
    expect(harness.engine.expirer.expiredCount).toBe(100);
    expect(harness.space.keyCount).toBe(200);
    expect([await stored(harness, 1), await stored(harness, 3)]).toEqual([200, 200]);
    harness.space.advanceTime(1099 + 50);
    await expireAll(harness);
    expect([await stored(harness, 1), await stored(harness, 3)]).toEqual([150, 150]);
    const next = await harness.crash();
    expect(await next.run((tx) => scanAll(tx).length)).toBe(150);
    next.space.advanceTime(5000);
    await expireAll(next);
    expect([await stored(next, 1), await stored(next, 3), next.space.keyCount]).toEqual([0, 0, 0]);
    await next.close();
  });
}

test("removes what expires before its first flush, and what of it is frozen", async () => {
  let ceiling = Number.POSITIVE_INFINITY;
  const harness = await EngineHarness.open({ deps: { ceilingOf: () => ceiling } });
  await harness.run((tx) => {
    for (let i = 0; i < 300; i++) writeExpiring(tx, `k${i}`, { expireAtMs: 1000 + i });
    writeExpiring(tx, "stays", { expireAtMs: 0 });
  });
  harness.space.advanceTime(1099);
  await harness.engine.expirer.expire();
  expect([harness.engine.expirer.expiredCount, harness.space.keyCount, harness.space.expiringCount]).toEqual([
    100, 201, 200,
  ]);
  expect(harness.space.dirtyExpiryMs).toBe(1100);
  ceiling = 0;
  harness.engine.flusher.start();
  for (let i = 0; i < 60; i++) await harness.clock.advanceAsync(100);
  expect(harness.space.frozen?.phase).toBe("held");
  await harness.run((tx) => writeExpiring(tx, "k150", { expireAtMs: 9000 }));
  harness.space.advanceTime(1199);
  await harness.engine.expirer.expire();
  expect([harness.space.keyCount, await stored(harness, 1)]).toEqual([102, 0]);
  ceiling = Number.POSITIVE_INFINITY;
  harness.space.advanceTime(5000);
  await expireAll(harness);
  // What was frozen went first, alone.
  await harness.engine.flusher.flushAll();
  expect(
    await harness.run((tx) =>
      scanAll(tx)
        .map(([key]) => key)
        .toSorted(),
    ),
  ).toEqual(["k150", "stays"]);
  const next = await harness.crash();
  expect([next.space.keyCount, next.space.expiringCount, await stored(next, 1)]).toEqual([2, 1, 2]);
  await next.close();
});

test("the record decides, not the index", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => {
    for (const key of ["later", "never", "gone"]) writeExpiring(tx, key, { expireAtMs: 1000 });
  });
  await harness.engine.flusher.flushAll();
  await harness.run((tx) => {
    writeExpiring(tx, "later", { expireAtMs: 3000 });
    writeExpiring(tx, "never", { expireAtMs: 0 });
    tx.deleteRecord(Buffer.from("gone"), 0, 4);
  });
  harness.space.advanceTime(2000);
  await expireAll(harness);
  expect(harness.engine.expirer.expiredCount).toBe(0);
  expect([await stored(harness, 1), await stored(harness, 3)]).toEqual([2, 1]);
  harness.space.advanceTime(3000);
  await expireAll(harness);
  expect(harness.engine.expirer.expiredCount).toBe(1);
  expect(await harness.run((tx) => [readText(tx, "later"), readText(tx, "never")])).toEqual([undefined, ""]);
  await harness.close();
});

test("a removal that was not flushed is repeated after a crash", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => writeExpiring(tx, "k", { expireAtMs: 1000 }));
  harness.space.advanceTime(2000);
  await harness.engine.flusher.flushAll();
  await harness.engine.expirer.expire();
  expect(harness.space.keyCount).toBe(0);
  const next = await harness.crash();
  expect(next.space.keyCount).toBe(1);
  await expireAll(next);
  expect([next.space.keyCount, await stored(next, 1), await stored(next, 3)]).toEqual([0, 0, 0]);
  await next.close();
});

test("the trees of an expired collection are collected", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => {
    const trees = [tx.newTreeId(), tx.newTreeId()];
    for (const tree of trees) for (let page = 1; page <= 3; page++) tx.writePage(tree, page, Buffer.alloc(100));
    writeExpiring(tx, "k", { expireAtMs: 1000, type: RECORD_SET, trees });
  });
  await harness.engine.flusher.flushAll();
  expect(await stored(harness, 2)).toBe(6);
  harness.space.advanceTime(1000);
  await expireAll(harness);
  expect(await stored(harness, 4)).toBe(2);
  while (!(await harness.engine.garbage.collect()));
  expect([await stored(harness, 2), await stored(harness, 4)]).toEqual([0, 0]);
  await harness.close();
});
