import { expect, test } from "vitest";
import { incomingGenerationRange } from "../../../node/engine/key-codec.ts";
import type { SlotReplica } from "../../../node/shard/slot-replica.ts";
import { TestDataPlane, TestDisk } from "../../support/test-data-plane.ts";

async function fill(node: TestDataPlane, from = 0): Promise<void> {
  for (let i = from; i < from + 40; i++) {
    await node.run(0, "SET", `string${i}`, i, "EX", 1000 + i);
    await node.run(0, "HSET", `hash${i % 3}`, `field${i}`, i);
    await node.run(0, "RPUSH", "list", "x".repeat(100), i);
    await node.run(0, "ZADD", "zset", i, `member${i}`);
    await node.run(0, "SADD", "set", `member${i}`.repeat(5));
    if (i % 9 === 0) await node.run(0, "SPOP", "set");
    if (i % 5 === 0) await node.endTurn();
  }
  await node.run(0, "SET", "long", "y".repeat(50_000));
  await node.run(0, "DEL", "hash1");
  expect(await node.endTurn()).toBeUndefined();
}

async function follow(disk = new TestDisk()): Promise<TestDataPlane> {
  const node = await new TestDataPlane(disk).lead(1);
  node.replica(0).becomeFollower(node.replica(0).term);
  return node;
}

async function copyLog(from: SlotReplica, to: SlotReplica, node: TestDataPlane): Promise<void> {
  for (let entries = from.entriesFrom(to.last.index + 1, 20_000); entries && entries.length > 0; ) {
    expect(to.appendFromLeader(entries)).toMatchObject({ kind: "appended" });
    await node.endTurn();
    entries = from.entriesFrom(to.last.index + 1, 20_000);
  }
  await to.shard.replayRest();
}

async function install(from: SlotReplica, to: SlotReplica, options: { stopAfter?: number } = {}) {
  const source = await from.openSnapshot();
  const sink = await to.installSnapshot(source);
  let chunks = 0;
  for (let chunk = await source.next(5000); chunk.length > 0; chunk = await source.next(5000)) {
    await sink.write(chunk);
    if (++chunks === options.stopAfter) break;
  }
  await source.close();
  return { sink, position: source.position };
}

/** Keys with an expiry, as a snapshot of the replica would say. */
async function expiringCount(node: TestDataPlane): Promise<number> {
  const source = await node.replica(0).openSnapshot();
  await source.close();
  return source.expiringCount;
}

test("the same log gives the same digest, whatever was flushed, cached or restarted", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  await fill(leader);
  let follower = await follow();
  await copyLog(leader.replica(0), follower.replica(0), follower);
  const digest = await leader.replica(0).digest();
  expect(digest).not.toBe("0".repeat(64));
  expect(await follower.replica(0).digest()).toBe(digest);
  follower = await follow(await follower.die(3));
  expect(await follower.replica(0).digest()).toBe(digest);
  await leader.run(0, "HSET", "hash0", "field0", "other");
  await leader.endTurn();
  expect(await leader.replica(0).digest()).not.toBe(digest);
});

test("a snapshot gives the state at its position, and the log goes on from there", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  await fill(leader);
  let follower = await follow();
  await follower.plane.replicas.find(1 as never, 0)?.shard.replayRest();
  const source = await leader.replica(0).openSnapshot();
  expect(source.position).toEqual(leader.replica(0).last);
  await source.close();
  const { sink, position } = await install(leader.replica(0), follower.replica(0));
  await fill(leader, 40);
  await sink.commit();
  expect(follower.replica(0).last).toEqual(position);
  expect(follower.replica(0).applied).toEqual(position);
  expect(follower.replica(0).durableIndex).toBe(position.index);
  expect(await expiringCount(follower)).toBe(40);
  await copyLog(leader.replica(0), follower.replica(0), follower);
  const digest = await leader.replica(0).digest();
  expect(await follower.replica(0).digest()).toBe(digest);
  follower = await follow(await follower.die(1));
  expect(follower.replica(0).last).toEqual(leader.replica(0).last);
  expect(await follower.replica(0).digest()).toBe(digest);
  expect(await expiringCount(follower)).toBe(80);
  await follower.replica(0).becomeLeader(9);
  expect(await follower.run(0, "LLEN", "list")).toBe(await leader.run(0, "LLEN", "list"));
});

test("a snapshot that is not committed leaves nothing, also after a crash", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  await fill(leader);
  let follower = await new TestDataPlane(new TestDisk()).lead(1);
  await follower.run(0, "SET", "own", 1);
  await follower.endTurn();
  const digest = await follower.replica(0).digest();
  follower.replica(0).becomeFollower(1);
  const { sink } = await install(leader.replica(0), follower.replica(0), { stopAfter: 3 });
  await sink.abort();
  await sink.abort();
  expect(await follower.replica(0).digest()).toBe(digest);
  await install(leader.replica(0), follower.replica(0), { stopAfter: 3 });
  follower = await follow(await follower.die(2));
  expect(await follower.replica(0).digest()).toBe(digest);
  const again = await install(leader.replica(0), follower.replica(0));
  await again.sink.commit();
  expect(await follower.replica(0).digest()).toBe(await leader.replica(0).digest());
});

test("a crash between the log and the database leaves the state before the snapshot", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  await fill(leader);
  let follower = await new TestDataPlane(new TestDisk()).lead(1);
  await follower.run(0, "SET", "own", 1);
  await follower.endTurn();
  const { last } = follower.replica(0);
  follower.replica(0).becomeFollower(1);
  const { sink } = await install(leader.replica(0), follower.replica(0));
  follower.disk.store.faults.beforeWrite = () => Promise.reject(new Error("power"));
  await expect(sink.commit()).rejects.toThrow("power");
  // Nothing may go on with a log that is ahead of its data.
  expect(follower.fatals[0]).toMatchObject({ message: "power" });
  follower.disk.store.faults.beforeWrite = () => Promise.resolve();
  follower = await follow(await follower.die(2));
  expect(follower.replica(0).last).toEqual(last);
  await follower.replica(0).becomeLeader(5);
  expect(await follower.run(0, "GET", "own")).toBe("$1\r\n1\r\n");
});

test("a commit that the log refuses has not happened, leaves nothing behind, and can be tried again", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  await fill(leader);
  const follower = await new TestDataPlane(new TestDisk()).lead(1);
  await follower.run(0, "SET", "own", 1);
  await follower.endTurn();
  const { last } = follower.replica(0);
  const digest = await follower.replica(0).digest();
  follower.replica(0).becomeFollower(1);
  const { sink } = await install(leader.replica(0), follower.replica(0));
  follower.disk.files.failWriteWith = "ENOSPC";
  await expect(sink.commit()).rejects.toMatchObject({ code: "SnapshotRefused" });
  follower.disk.files.failWriteWith = undefined;
  expect([follower.replica(0).last, follower.replica(0).applied, follower.fatals]).toEqual([last, last, []]);
  expect(await follower.replica(0).digest()).toBe(digest);
  expect(await incomingCount(follower)).toBe(0);
  await (await install(leader.replica(0), follower.replica(0))).sink.commit();
  expect(await follower.replica(0).digest()).toBe(await leader.replica(0).digest());
});

async function incomingCount(node: TestDataPlane): Promise<number> {
  const iterator = node.disk.store.iterate(incomingGenerationRange());
  const found = await iterator.next(100);
  await iterator.close();
  return found.length;
}

test("an empty slot has an empty snapshot and the digest of nothing", async () => {
  const leader = await new TestDataPlane(new TestDisk()).lead(1);
  const source = await leader.replica(0).openSnapshot();
  expect(source.position.index).toBe(0);
  expect(await source.next(1000)).toEqual([]);
  await source.close();
  expect(await leader.replica(0).digest()).toBe("0".repeat(64));
});
