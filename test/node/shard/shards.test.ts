import { expect, test } from "vitest";
import { TABLE } from "../../support/test-log.ts";
import { TestShards } from "../../support/test-shards.ts";

test("slots are found by table and slot, leaders by table", async () => {
  const node = new TestShards();
  await node.replicas[1]?.becomeLeader(1);
  expect(node.shards.find(TABLE, 2)).toBe(node.shard(2));
  expect(node.shards.find(TABLE, 3)).toBeUndefined();
  expect(node.shards.find(2 as typeof TABLE, 0)).toBeUndefined();
  expect([...node.shards.leading(TABLE)]).toEqual([node.shard(1)]);
  expect([...node.shards.all()].length).toBe(3);
  node.shards.remove(node.shard(1));
  expect(node.shards.find(TABLE, 1)).toBeUndefined();
});

test("listeners hear of turns that wrote their slot, until they are forgotten", async () => {
  const node = await new TestShards().leadAll();
  const heard: number[] = [];
  const forget = node.shards.onWritten(node.shard(0), () => heard.push(node.shard(0).log.index));
  node.run(0, "SET", "a", 1);
  node.run(0, "SET", "a", 2);
  node.shards.endTurn();
  node.run(1, "SET", "a", 1);
  node.shards.endTurn();
  forget();
  node.run(0, "SET", "a", 3);
  node.shards.endTurn();
  expect(heard).toEqual([2]);
});

test("a turn that ends without its clients tells them of its failure, and nobody else", async () => {
  const node = await new TestShards().leadAll();
  const round = () => new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 3; i++) {
    node.run(0, "SET", "a", 1);
    node.machine.files.failWriteWith = "EIO";
    node.shards.requestEnd();
    node.shards.requestEnd();
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    setImmediate(() => resolve(node.shards.endTurn()));
    expect(await promise).toMatch(/EIO/);
    node.machine.files.failWriteWith = undefined;
    await node.shard(0).undone();
    expect(node.contents(0).size).toBe(0);
    expect(await node.endTurn()).toBeUndefined();
  }
  node.run(0, "SET", "a", 1);
  node.machine.files.failWriteWith = "EIO";
  node.shards.requestEnd();
  await round();
  await round();
  node.machine.files.failWriteWith = undefined;
  await node.shard(0).undone();
  expect(await node.endTurn()).toBeUndefined();
  expect(node.shards.failedTurnCount).toBe(4);
});
