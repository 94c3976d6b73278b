import { expect, test } from "vitest";
import { Misses } from "../../../node/engine/misses.ts";
import type { ReadPath } from "../../../node/engine/read-path.ts";
import { RecordPack } from "../../../node/engine/record-pack.ts";
import type { SlotSpace } from "../../../node/engine/slot-space.ts";
import { MISS } from "../../../node/engine/transaction.ts";
import { EngineHarness } from "../../support/engine-harness.ts";

/** Reads that are only written down. */
function record(): { misses: Misses; loads: unknown[] } {
  const loads: unknown[] = [];
  const reads = {
    shouldMiss: (isForcedSync: boolean) => !isForcedSync,
    load: async (entry: { readonly hash: number }) => void loads.push(entry.hash),
    loadRange: async (_: SlotSpace, fromHash: number, limit: number) => void loads.push([fromHash, limit]),
  };
  return { misses: new Misses(reads as unknown as ReadPath), loads };
}

function missed(attempt: () => unknown): void {
  let thrown: unknown;
  try {
    attempt();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBe(MISS);
}

test("what was missed is loaded, once", async () => {
  const { misses, loads } = record();
  const { space } = await EngineHarness.open();
  const nothing = Buffer.alloc(0);
  missed(() => misses.missEntry({ space, pageFlag: 0, hash: 7, key: nothing, databaseKey: nothing }));
  await misses.load();
  expect(loads).toEqual([7]);
  expect(() => misses.load()).toThrow("something was missed");
});

test("nothing is missed once reads are made here", () => {
  const { misses } = record();
  expect(misses.mustMiss()).toBe(true);
  misses.isForcedSync = true;
  expect([misses.mustMiss(), misses.count]).toEqual([false, 2]);
});

test("a scan that needs more than the last piece gets a larger one, from elsewhere a small one", async () => {
  const { misses, loads } = record();
  const { space } = await EngineHarness.open();
  expect(misses.rangeFrom(space, 5)).toBeUndefined();
  space.isComplete = false;
  missed(() => misses.rangeFrom(space, 5));
  await misses.load();
  const { generation, settleCount } = space;
  const short = { generation, settleCount, fromHash: 5, limit: 128, pack: new RecordPack() };
  space.range = short;
  expect(misses.rangeFrom(space, 5)).toBe(short);
  missed(() => misses.missRange(space, 5, short));
  await misses.load();
  missed(() => misses.missRange(space, 9, short));
  await misses.load();
  expect(loads).toEqual([
    [5, 128],
    [5, 1024],
    [9, 128],
  ]);
});
