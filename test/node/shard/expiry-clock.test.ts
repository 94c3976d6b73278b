import { expect, test } from "vitest";
import { ExpiryClock } from "../../../node/shard/expiry-clock.ts";
import { TestShards } from "../../support/test-shards.ts";
import { settle } from "../../support/virtual-clock.ts";

async function withDue(...dueInMs: readonly number[]) {
  const node = await new TestShards().leadAll();
  const { clock } = node.machine;
  const nowMs = clock.wallMs();
  for (const [slot, inMs] of dueInMs.entries()) {
    const data = node.data[slot];
    if (data) data.nextExpiryMs = nowMs + inMs;
  }
  return { node, clock, expiry: new ExpiryClock({ clock, shards: node.shards }) };
}

function indexes(node: TestShards): readonly number[] {
  return node.replicas.map(({ last }) => last.index);
}

test("a slot gets one entry once something is due, and no other before that is removed", async () => {
  const { node, clock, expiry } = await withDue(1000, 5000);
  expiry.start();
  await clock.advanceAsync(600);
  expect(indexes(node)).toEqual([0, 0, 0]);
  await clock.advanceAsync(3000);
  expect(indexes(node)).toEqual([1, 0, 0]);
  expect(node.shard(0).state.nowMs).toBeGreaterThanOrEqual(node.data[0]?.nextExpiryMs as number);
  await clock.advanceAsync(3000);
  expect(indexes(node)).toEqual([1, 1, 0]);
  expiry.stop();
  expect(clock.pendingCount).toBe(0);
});

test("followers, fenced leaders and a full disk get none; a replay moves the time as the entry did", async () => {
  const { node, clock, expiry } = await withDue(1000, 1000, 1000);
  clock.advance(2000);
  node.shard(0).setRole("follower");
  node.shard(1).setFenced(true);
  node.roomError = "OOM the disk is full";
  expiry.tick();
  await settle();
  expect(indexes(node)).toEqual([0, 0, 0]);
  node.roomError = undefined;
  expiry.tick();
  await settle();
  expect(indexes(node)).toEqual([0, 0, 1]);
  expect(expiry.entryCount).toBe(1);
  const again = await node.restart().leadAll();
  expect(again.shard(2).state).toEqual(node.shard(2).state);
});

test("nothing is made while it is switched off", async () => {
  const { node, clock, expiry } = await withDue(1000);
  clock.advance(2000);
  expiry.isEnabled = false;
  expiry.tick();
  await settle();
  expect(indexes(node)).toEqual([0, 0, 0]);
});
