import { expect, test } from "vitest";
import { TurnLogGate } from "../../../node/shard/turn-log-gate.ts";
import { TestShards } from "../../support/test-shards.ts";

async function open() {
  const node = await new TestShards().leadAll();
  const gate = new TurnLogGate();
  gate.log = node.log;
  gate.shards = node.shards;
  return { node, gate };
}

function applied(node: TestShards) {
  const { table, slot, state } = node.shard(0);
  return { table, slot, index: state.index };
}

test("what was executed is appended and durable when the gate opens", async () => {
  const { node, gate } = await open();
  node.run(0, "SET", "a", 1);
  await gate.syncExecuted([]);
  expect(node.log.writer.hasUnwritten).toBe(false);
  expect(node.log.syncer.durable).toEqual(node.log.syncer.written);
  node.machine.files.losePower(4);
  const again = await node.restart().leadAll();
  expect(again.run(0, "GET", "a").reply).toBe("$1\r\n1\r\n");
});

test("the gate stays shut when the turn failed: what it had is being undone", async () => {
  const { node, gate } = await open();
  node.run(0, "SET", "a", 1);
  node.machine.files.failWriteWith = "ENOSPC";
  await expect(gate.syncExecuted([])).rejects.toMatchObject({ code: "LogRefused" });
  node.machine.files.failWriteWith = undefined;
  await gate.syncExecuted([]);
});

test("the gate stays shut for what a turn executed that failed before it was asked", async () => {
  const { node, gate } = await open();
  node.run(0, "SET", "a", 1);
  expect(node.shards.endTurn()).toBeUndefined();
  node.run(0, "SET", "a", 2);
  const frozen = applied(node);
  node.machine.files.failWriteWith = "ENOSPC";
  expect(node.shards.endTurn()).toMatch(/^MISCONF /);
  node.machine.files.failWriteWith = undefined;
  await expect(gate.syncExecuted([frozen])).rejects.toMatchObject({ code: "LogRefused" });
  await node.shard(0).undone();
  const { index } = applied(node);
  expect(index).toBe(frozen.index - 1);
  await gate.syncExecuted([applied(node)]);
});
