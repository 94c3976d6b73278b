import { expect, test } from "vitest";
import { LogKeeper } from "../../../node/shard/log-keeper.ts";
import { appendSet, REPLICA, TABLE, TestLog } from "../../support/test-log.ts";

test("once a second old segments go; what pins them is flushed, a full disk borne", async () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 400 });
  for (let i = 0; i < 20; i++) {
    appendSet(log, i === 0 ? 1 : 0, i);
    log.writer.endTurn();
  }
  const durable = new Map([
    [0, 19],
    [1, 0],
  ]);
  const flushed: number[] = [];
  const keeper = new LogKeeper(
    { followerBytes: 1e9, copyBytes: 0, pinnedBytes: 1000 },
    {
      log,
      clock: machine.clock,
      slots: () =>
        [0, 1].map((slot) => ({
          log: log.slot(TABLE, slot, REPLICA),
          durableIndex: durable.get(slot) ?? 0,
          followersNeedFrom: Number.POSITIVE_INFINITY,
          copiesNeedFrom: Number.POSITIVE_INFINITY,
        })),
      flush: async ({ slot }) => {
        flushed.push(slot);
        if (flushed.length === 1) throw new Error("full");
        durable.set(slot, 1);
      },
      fatal: (error) => {
        throw error;
      },
    },
  );
  const count = log.index.segments.length;
  keeper.start();
  await machine.clock.advanceAsync(1500);
  expect(flushed).toEqual([1]);
  expect(log.index.segments.length).toBe(count);
  await machine.clock.advanceAsync(2000);
  expect(flushed).toEqual([1, 1]);
  expect(log.index.segments.length).toBe(1);
  expect(keeper.droppedCount).toBe(count - 1);
  await keeper.stop();
  expect(machine.clock.pendingCount).toBe(0);
});
