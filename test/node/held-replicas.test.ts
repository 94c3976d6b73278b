import { expect, test } from "vitest";
import { HeldReplicas } from "../../node/held-replicas.ts";
import type { SlotReplica } from "../../node/shard/slot-replica.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** Replicas and peers as the parts of a node would tell of them. */
function scene() {
  const clock = new VirtualClock();
  const replicas: { table: number; slot: number; replica: number; role: string; shard: { isServing: boolean } }[] = [
    { table: 1, slot: 0, replica: 10, role: "recovering", shard: { isServing: false } },
    { table: 1, slot: 1, replica: 11, role: "recovering", shard: { isServing: false } },
  ];
  const peers = [{ name: "node-1", wasTried: false }];
  const following: { replica: number; isInSync: boolean }[] = [];
  const held = new HeldReplicas({
    clock,
    host: { all: () => replicas as unknown as SlotReplica[] },
    peering: { peers: () => peers as never, following: () => following as never },
  });
  return { clock, replicas, peers, following, held };
}

test("a node is back when its peers were dialled and what it held leads or is in sync", async () => {
  const { clock, replicas, peers, following, held } = scene();
  let isBack = false;
  const waited = held.back(10_000, undefined).then(() => {
    isBack = true;
  });
  expect(held.missing()).toMatch(/the links to node-1/);
  Object.assign(peers[0] as object, { wasTried: true });
  expect(held.missing()).toMatch(/2 replicas.*slot 0, table 1, has no role/);
  Object.assign(replicas[0] as object, { role: "leader" });
  expect(held.missing()).toMatch(/2 replicas.*being applied/);
  Object.assign(replicas[0] as object, { shard: { isServing: true } });
  Object.assign(replicas[1] as object, { role: "follower" });
  following.push({ replica: 11, isInSync: false });
  expect(held.missing()).toMatch(/1 replicas.*slot 1, table 1, is not in sync/);
  await clock.advanceAsync(1000);
  expect(isBack).toBe(false);
  Object.assign(following[0] as object, { isInSync: true });
  await clock.advanceAsync(1000);
  await waited;
  expect(held.missing()).toBeUndefined();
});

test("what was dropped or added since does not matter, nor what is lost again", () => {
  const { replicas, peers, held } = scene();
  peers.length = 0;
  replicas.shift();
  Object.assign(replicas[0] as object, { role: "leader", shard: { isServing: true } });
  replicas.push({ table: 2, slot: 0, replica: 12, role: "follower", shard: { isServing: false } });
  expect(held.missing()).toBeUndefined();
  Object.assign(replicas[0] as object, { shard: { isServing: false } });
  expect(held.missing()).toBeUndefined();
});

test("the wait has a deadline, and ends with the signal", async () => {
  const { clock, held } = scene();
  const waited = held.back(500, undefined);
  await clock.advanceAsync(700);
  await waited;
  const stopping = new AbortController();
  const aborted = expect(held.back(500, stopping.signal)).rejects.toThrow("stop");
  stopping.abort(new Error("stop"));
  await aborted;
});
