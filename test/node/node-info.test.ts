import { expect, test } from "vitest";
import { describeNode } from "../../node/node-info.ts";
import { TestDataPlane, TestDisk } from "../support/test-data-plane.ts";

const follower = { table: 1, replica: 9, node: "b", mode: "streaming", isInSync: true, lagEntries: 0 };

async function sources() {
  const node = await new TestDataPlane(new TestDisk()).lead(2);
  await node.run(0, "SET", "a", 1);
  await node.run(1, "SET", "b", 1, "PX", 100);
  await node.endTurn();
  await node.plane.engine.flusher.flushAll();
  const lags = [
    { ...follower, slot: 0, appendedIndex: 1 },
    { ...follower, slot: 1, appendedIndex: 0, lagEntries: 1, isInSync: false },
    { ...follower, slot: 1, node: "gone", mode: "away", appendedIndex: 0, isInSync: false },
  ];
  const nodes = new Map([["b", { announceHost: "10.0.0.2", announcePort: 9221 }]]);
  const told = {
    programVersion: "1.2.3",
    fsync: "always",
    plane: node.plane,
    peering: { followerLags: () => lags, following: () => [] } as never,
    topology: () => ({ nodes }) as never,
  };
  return { node, told };
}

test("each section says what its parts count", async () => {
  const { node, told } = await sources();
  expect(describeNode("server", told)).toEqual({ pika_version: "1.2.3" });
  expect(describeNode("memory", told)).toMatchObject({ cache_entries: 2, cache_dirty_bytes: 0 });
  const persistence = describeNode("persistence", told);
  expect(persistence).toMatchObject({ binlog_fsync: "always", binlog_segments: 1, aof_last_write_status: "ok" });
  expect(persistence.binlog_bytes).toBe(node.plane.log.sizeBytes());
  expect(persistence.flushes).toBeGreaterThan(0);
  expect(describeNode("stats", told)).toMatchObject({ expired_keys: 0 });
  expect(describeNode("cpu", told)).toEqual({});
});

test("replication tells of the nodes that follow, and how far they are", async () => {
  const { told } = await sources();
  expect(describeNode("replication", told)).toEqual({
    connected_slaves: 1,
    slave0: "ip=10.0.0.2,port=9221,state=wait_bgsave,offset=1,lag_entries=1",
    master_repl_offset: 2,
    led_replicas: 2,
    followers: 3,
    followers_in_sync: 1,
    followers_lag_entries: 1,
    following: 0,
    following_in_sync: 0,
    following_lag_entries: 0,
  });
  expect(describeNode("replication", { ...told, peering: undefined })).toMatchObject({ connected_slaves: 0 });
});
