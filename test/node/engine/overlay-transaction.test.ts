import { expect, test } from "vitest";
import { View } from "../../../node/engine/transaction.ts";
import { describeTransaction, readText, writeText } from "../../contract/transaction.contract.ts";
import { EngineHarness, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";

describeTransaction("OverlayTransaction, all cached,", () => EngineHarness.open());

describeTransaction("OverlayTransaction, with a tiny cache,", () =>
  EngineHarness.open({ engine: { cacheBytes: TINY_CACHE_BYTES } }),
);

describeTransaction("OverlayTransaction, with a tiny cache and slow reads,", async () => {
  const harness = await EngineHarness.open({ engine: { cacheBytes: TINY_CACHE_BYTES } });
  harness.slowReads(1000);
  return harness;
});

test("touched keys and FLUSHDB are known before the commit", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => writeText(tx, "old", "1"));
  const tx = harness.engine.begin(harness.space, 1, 1);
  expect(tx.hasWrites).toBe(false);
  writeText(tx, "a", "1");
  writeText(tx, "b", "1");
  const touched: string[] = [];
  tx.forEachTouched((buf, start, end) => touched.push(buf.toString("utf8", start, end)));
  expect(touched).toEqual(["a", "b"]);
  expect([tx.hasWrites, tx.isFlushed]).toEqual([true, false]);
  tx.flushAll();
  expect(tx.isFlushed).toBe(true);
  tx.rollback();
  expect(await harness.run((next) => readText(next, "old"))).toBe("1");
});

test("a read of an absent key in a new data set asks no database", async () => {
  let reads = 0;
  const harness = await EngineHarness.open();
  harness.store.faults.onReadSync = () => reads++;
  await harness.run((tx) => {
    expect(readText(tx, "a")).toBeUndefined();
    writeText(tx, "a", "1");
    expect(readText(tx, "b")).toBeUndefined();
  });
  await harness.engine.flusher.flushAll();
  await harness.run((tx) => {
    expect(readText(tx, "c")).toBeUndefined();
    tx.readRecord(Buffer.from("a"), 0, 1, new View());
  });
  expect(reads).toBe(0);
});
