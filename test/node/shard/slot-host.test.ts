import { expect, test } from "vitest";
import type { ReplicaId, TableId } from "../../../node/meta/ids.ts";
import { TestDataPlane, TestDisk } from "../../support/test-data-plane.ts";
import { TABLE } from "../../support/test-log.ts";

const placement = { table: TABLE, slot: 0, replica: 5 as ReplicaId };

test("a new replica follows, is empty, and is durable", async () => {
  const node = new TestDataPlane(new TestDisk());
  await node.plane.start();
  await node.plane.replicas.create([placement]);
  expect(node.replica(0)).toMatchObject({ role: "follower", replica: 5, last: { index: 0 }, firstIndex: 1 });
  const again = new TestDataPlane(await node.die(1));
  await again.plane.start();
  expect(again.replica(0)).toMatchObject({ role: "recovering", replica: 5 });
});

test("a replica that the log cannot name is not made", async () => {
  const node = new TestDataPlane(new TestDisk());
  await node.plane.start();
  node.disk.files.failWriteWith = "EIO";
  await expect(node.plane.replicas.create([placement])).rejects.toMatchObject({ code: "ReplicaNotMade" });
  node.disk.files.failWriteWith = undefined;
  expect(node.plane.replicas.find(TABLE, 0)).toBeUndefined();
  await node.plane.replicas.create([placement]);
  expect(node.replica(0).replica).toBe(5);
});

test("only the replica that is named is dropped", async () => {
  const node = await new TestDataPlane(new TestDisk()).lead(1);
  await node.plane.replicas.drop([{ ...placement, replica: 99 as ReplicaId }]);
  expect(node.replica(0).role).toBe("leader");
});

test("a drop that the log could not take is done when it is tried again", async () => {
  let node = await new TestDataPlane(new TestDisk()).lead(1);
  const dropped = { ...placement, replica: 1 as ReplicaId };
  node.disk.files.failWriteWith = "ENOSPC";
  await expect(node.plane.replicas.drop([dropped])).rejects.toMatchObject({ code: "ReplicaNotDropped" });
  node.disk.files.failWriteWith = undefined;
  await node.plane.replicas.drop([dropped]);
  expect(node.plane.replicas.find(TABLE, 0)).toBeUndefined();
  node = new TestDataPlane(await node.die(1));
  await node.plane.start();
  expect(node.plane.replicas.find(TABLE, 0)).toBeUndefined();
});

test("slots of a table that is not known wait, with their log, until it is", async () => {
  let node = await new TestDataPlane(new TestDisk()).lead(1);
  await node.run(0, "SET", "a", 1);
  await node.endTurn();
  const known = new Set<TableId>();
  const hashKeyOf = (table: TableId) => (known.has(table) ? { k0: 1, k1: 2 } : undefined);
  for (let i = 0; i < 3; i++) {
    node = new TestDataPlane(await node.die(1), { hashKeyOf });
    await node.plane.start();
    expect(node.plane.replicas.closedCount).toBe(1);
    expect(node.plane.replicas.find(TABLE, 0)).toBeUndefined();
    for (let ms = 0; ms < 5000; ms += 1000) await node.clock.advanceAsync(1000);
  }
  known.add(TABLE);
  node = await new TestDataPlane(await node.die(1), { hashKeyOf }).lead(1);
  expect(await node.run(0, "GET", "a")).toBe("$1\r\n1\r\n");
});

test("a leader's log is kept for its followers up to the bound", async () => {
  const node = await new TestDataPlane(new TestDisk(), { followerLogBytes: 25_000 }).lead(1);
  node.replica(0).setFollowerProgress({
    needFrom: 1,
    copiesNeedFrom: Number.POSITIVE_INFINITY,
    acknowledged: Number.POSITIVE_INFINITY,
  });
  for (let i = 0; i < 400; i++) {
    await node.run(0, "SET", `k${i % 10}`, "x".repeat(200));
    await node.endTurn();
  }
  for (let ms = 0; ms < 10_000; ms += 250) await node.clock.advanceAsync(250);
  const { firstIndex } = node.replica(0);
  expect(firstIndex).toBeGreaterThan(250);
  expect(firstIndex).toBeLessThan(380);
  expect(node.replica(0).entriesFrom(1, 1000)).toBeUndefined();
  expect(node.replica(0).entriesFrom(firstIndex, 1000)?.length).toBeGreaterThan(0);
});
