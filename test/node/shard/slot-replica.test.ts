import { expect, test } from "vitest";
import type { ReplicaId } from "../../../node/meta/ids.ts";
import type { SlotReplica } from "../../../node/shard/slot-replica.ts";
import { TABLE } from "../../support/test-log.ts";
import { TestShards } from "../../support/test-shards.ts";

async function pair() {
  const leader = await new TestShards().leadAll();
  const follower = new TestShards();
  const from = leader.replicas[0] as SlotReplica;
  const to = follower.replicas[0] as SlotReplica;
  to.becomeFollower(1);
  const set = (...values: (string | number)[]) => {
    for (const value of values) {
      leader.run(0, "SET", `key${value}`, value, "PX", 1000);
    }
    leader.shards.endTurn();
  };
  const copy = (index: number) => to.appendFromLeader(from.entriesFrom(index, 1e9) ?? []);
  const settle = async () => {
    follower.shards.endTurn();
    await to.shard.replayRest();
  };
  return { leader, follower, from, to, set, copy, settle };
}

test("a follower that takes the leader's entries has the leader's state and position", async () => {
  const { leader, follower, from, to, set, copy, settle } = await pair();
  set(1, 2, 3);
  expect(copy(1)).toEqual({ kind: "appended", last: from.last });
  expect(to.last.index).toBe(0);
  await settle();
  expect(to.last).toEqual(from.last);
  expect(to.applied).toEqual(from.last);
  expect(follower.contents(0)).toEqual(leader.contents(0));
  expect(follower.run(0, "GET", "key1").outcome).toBe("refused");
});

test("entries that are there already are passed over, a gap is named", async () => {
  const { from, to, set, copy, settle } = await pair();
  set(1, 2);
  copy(1);
  await settle();
  set(3, 4);
  expect(copy(1)).toMatchObject({ kind: "appended", last: { index: 4 } });
  await settle();
  set(5, 6);
  expect(copy(6)).toEqual({ kind: "gap", last: to.last });
  expect(copy(5)).toMatchObject({ kind: "appended" });
  await settle();
  expect(to.last).toEqual(from.last);
});

test("what is no entry of this slot is refused", async () => {
  const { leader, to, set } = await pair();
  set(1);
  leader.run(1, "SET", "a", "1");
  leader.shards.endTurn();
  const other = leader.replicas[1]?.entriesFrom(1, 1000) as Buffer[];
  expect(to.appendFromLeader(other)).toEqual({ kind: "malformed" });
  expect(to.appendFromLeader([Buffer.from("garbage")])).toEqual({ kind: "malformed" });
});

test("a returning leader finds its divergent tail, sets it aside and follows", async () => {
  const { leader, follower, from, to, set, copy, settle } = await pair();
  set(1, 2);
  copy(1);
  await settle();
  set("lost", "lost2");
  const common = to.last;
  await to.becomeLeader(2);
  follower.run(0, "SET", "new", 1);
  follower.shards.endTurn();
  from.becomeFollower(2);
  const conflict = from.appendFromLeader(to.entriesFrom(common.index + 1, 1e9) ?? []);
  expect(conflict).toMatchObject({ kind: "conflict", ours: { index: 3, term: 1 } });
  expect(from.positionAt(common.index)).toEqual(common);
  const cut = await from.cutBehind(common);
  expect(cut).toEqual({ kind: "cut", lostCount: 2, path: `/data/lost-writes/${TABLE}-0-1-3.log` });
  expect(from.appendFromLeader(to.entriesFrom(common.index + 1, 1e9) ?? [])).toMatchObject({ kind: "appended" });
  leader.shards.endTurn();
  await from.shard.replayRest();
  expect(from.applied).toEqual(to.last);
  expect(leader.contents(0)).toEqual(follower.contents(0));
  const again = leader.restart();
  expect(again.replicas[0]?.last).toEqual(to.last);
  await again.leadAll();
  expect(again.contents(0)).toEqual(follower.contents(0));
});

test("a tail that the database holds already needs a snapshot", async () => {
  const { leader, from, set } = await pair();
  set(1, 2, 3);
  leader.data[0]?.flush();
  const at = from.positionAt(2);
  from.becomeFollower(2);
  expect(await from.cutBehind(at as NonNullable<typeof at>)).toEqual({ kind: "needsSnapshot" });
});

test("a term is led in once, also across a restart", async () => {
  const { leader, from, set } = await pair();
  set(1);
  await expect(from.becomeLeader(1)).rejects.toThrow("not seen");
  const again = leader.restart().replicas[0] as SlotReplica;
  expect(again.term).toBe(1);
  await expect(again.becomeLeader(1)).rejects.toThrow("not seen");
  await again.becomeLeader(2);
  expect(again.role).toBe("leader");
});

test("a promise outlives a loss of power", async () => {
  const { follower, to } = await pair();
  await to.promise(7, 12 as ReplicaId);
  follower.machine.files.losePower(1);
  const again = follower.restart().replicas[0] as SlotReplica;
  expect(again.term).toBe(7);
  await expect(again.becomeLeader(7)).rejects.toThrow("not seen");
});

test("a term that it has promised to itself is led in, once, and not after a restart", async () => {
  const { leader, from } = await pair();
  await from.promise(7, from.replica);
  expect(from.promised).toEqual({ term: 7, vote: from.replica });
  await from.becomeLeader(7);
  expect(from.role).toBe("leader");
  await expect(from.becomeLeader(7)).rejects.toThrow("not seen");
  const again = leader.restart().replicas[0] as SlotReplica;
  expect(again.promised).toEqual({ term: 7, vote: from.replica });
  await expect(again.becomeLeader(7)).rejects.toThrow("not seen");
});

test("a promise that another one has overtaken is not led in", async () => {
  const { from } = await pair();
  await from.promise(7, from.replica);
  await from.promise(8, 12 as ReplicaId);
  await expect(from.becomeLeader(7)).rejects.toThrow("not seen");
  await expect(from.becomeLeader(8)).rejects.toThrow("not seen");
});

test("what is durable is known by index", async () => {
  const { from, set, to, copy, settle } = await pair();
  set(1, 2);
  copy(1);
  await settle();
  expect(to.durableIndex).toBe(0);
  await to.whenDurable();
  expect(to.durableIndex).toBe(2);
  expect(from.durableIndex).toBe(0);
});

test("a turn of a follower that could not be written is as if it had not come", async () => {
  const { follower, to, set, copy, settle } = await pair();
  set(1, 2);
  follower.machine.files.failWriteWith = "ENOSPC";
  copy(1);
  expect(follower.shards.endTurn()).toMatch(/ENOSPC/);
  follower.machine.files.failWriteWith = undefined;
  expect(to.last.index).toBe(0);
  expect(copy(1)).toMatchObject({ kind: "appended" });
  await settle();
  expect(to.applied.index).toBe(2);
});
