/** Replication of real data planes (engine, log, snapshots over disks in memory) through real links. */

import { afterEach, expect, it } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";
import { silentLogger } from "../../../node/base/log.ts";
import { type NodeId, replicaId } from "../../../node/meta/ids.ts";
import type { SlotAssignment, Topology } from "../../../node/meta/topology.ts";
import { Peering } from "../../../node/replication/peering.ts";
import { TestDataPlane, TestDisk } from "../../support/test-data-plane.ts";
import { TABLE } from "../../support/test-log.ts";
import { CLUSTER, nodeIdOf, topologyNode } from "../../support/topology-arbitrary.ts";
import { waitFor } from "../../support/wait-for.ts";

const SLOTS = 2;
const clock = new SystemClock();

interface Running {
  readonly plane: TestDataPlane;
  readonly peering: Peering;
}

class TestCluster {
  readonly nodes = new Map<number, Running>();
  readonly #disks = new Map<number, TestDisk>();
  readonly #listeners = new Set<() => void>();
  #topology: Topology | undefined;
  #epoch = 0;

  async start(number: number, fsync: "always" | "no" = "always"): Promise<void> {
    const disk = this.#disks.get(number) ?? new TestDisk();
    this.#disks.set(number, disk);
    const plane = new TestDataPlane(disk, {
      fsync,
      hasPeers: () => true,
      followerLogBytes: 20_000,
      copyLogBytes: 10_000_000,
      pinnedLogBytes: 20_000,
    });
    await plane.plane.start();
    const peering = new Peering(
      {
        identity: { cluster: CLUSTER, node: nodeIdOf(number) },
        host: "127.0.0.1",
        port: 0,
        secret: "secret",
        isLeaseEnforced: false,
      },
      {
        clock,
        logger: silentLogger,
        random: () => 0,
        source: {
          current: () => this.#topology,
          isConfirmed: true,
          grantedUntilMs: Number.NEGATIVE_INFINITY,
          onChange: (changed) => {
            this.#listeners.add(changed);
            return () => this.#listeners.delete(changed);
          },
        },
        host: plane.plane.replicas,
        handler: { handle: () => undefined, handleRun: () => {}, watch: () => undefined, unwatch: () => {} },
        onLostWrites: () => {},
      },
    );
    await peering.start();
    this.nodes.set(number, { plane, peering });
  }

  /** Stops the links, then kills what holds the data. */
  async kill(number: number, powerSeed?: number): Promise<void> {
    const { plane, peering } = this.nodes.get(number) as Running;
    this.nodes.delete(number);
    await peering.stop();
    await plane.die(powerSeed);
  }

  publish(leader: number): void {
    this.#epoch++;
    const assignment = (slot: number): SlotAssignment => ({
      term: this.#epoch,
      leader: leader - 1,
      replicas: [1, 2, 3].map((number) => ({ id: replicaId(10 * number + slot), node: nodeIdOf(number) })),
    });
    const nodes = [...this.nodes].map(
      ([number, { peering }]) => [nodeIdOf(number), topologyNode(number, { peerPort: peering.port })] as const,
    );
    this.#topology = {
      clusterId: CLUSTER,
      epoch: this.#epoch,
      nodes: new Map<NodeId, (typeof nodes)[number][1]>(nodes),
      tables: new Map(),
      assignments: new Map([[TABLE, Array.from({ length: SLOTS }, (_, slot) => assignment(slot))]]),
      adminPasswordHashes: [],
      featureLevel: 1,
      managers: [],
    };
    for (const changed of this.#listeners) changed();
  }

  async leads(number: number): Promise<TestDataPlane> {
    const { plane } = this.nodes.get(number) as Running;
    const isServing = (slot: number) => {
      const replica = plane.plane.replicas.find(TABLE, slot);
      return replica?.term === this.#epoch && replica.shard.isServing;
    };
    for (let slot = 0; slot < SLOTS; slot++) await waitFor(() => isServing(slot), { what: "a leader that serves" });
    return plane;
  }

  async agree(): Promise<void> {
    for (let slot = 0; slot < SLOTS; slot++) {
      const isSame = async () => {
        const replicas = [...this.nodes.values()].map(({ plane }) => plane.plane.replicas.find(TABLE, slot));
        const indexes = replicas.map((replica) => replica?.applied.index);
        if (replicas.includes(undefined) || new Set(indexes).size !== 1) return false;
        return new Set(await Promise.all(replicas.map((replica) => replica?.digest()))).size === 1;
      };
      await waitFor(isSame, { what: `the replicas of slot ${slot} to agree` });
    }
    for (const { plane } of this.nodes.values()) expect(plane.fatals).toEqual([]);
  }
}

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) for (const number of [...cluster.nodes.keys()]) await cluster.kill(number);
});

async function started(): Promise<TestCluster> {
  const cluster = new TestCluster();
  clusters.push(cluster);
  for (const number of [1, 2, 3]) await cluster.start(number);
  return cluster;
}

async function write(plane: TestDataPlane, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await plane.run(i % SLOTS, "SET", `k${i}`, `value-${i}`);
    await plane.run(i % SLOTS, "RPUSH", "list", i);
    await plane.run(i % SLOTS, "ZADD", "zset", i % 7, `m${i}`);
    if (i % 10 === 9) await plane.endTurn();
  }
  await plane.endTurn();
}

it("brings followers to the state of their leader, by the log", async () => {
  const cluster = await started();
  cluster.publish(1);
  const leader = await cluster.leads(1);
  await write(leader, 0, 300);
  await cluster.agree();
  const follower = cluster.nodes.get(2)?.plane as TestDataPlane;
  expect(follower.replica(0).last).toEqual(leader.replica(0).last);
  expect(follower.replica(0).role).toBe("follower");
  expect(follower.replica(0).shard.isServing).toBe(false);
});

it("brings back a node that was killed, by the log and by a snapshot", async () => {
  const cluster = await started();
  cluster.publish(1);
  const leader = await cluster.leads(1);
  await write(leader, 0, 50);
  await cluster.agree();
  await cluster.kill(3);
  await write(leader, 50, 60);
  await cluster.start(3);
  cluster.publish(1);
  await cluster.leads(1);
  await cluster.agree();

  await cluster.kill(3);
  await write(leader, 100, 600);
  await leader.plane.engine.flusher.flushAll();
  await waitFor(async () => {
    leader.clock.advance(1000);
    return leader.replica(0).firstIndex > 100;
  });
  await cluster.start(3);
  cluster.publish(1);
  await cluster.leads(1);
  await write(leader, 600, 620);
  await cluster.agree();
});

it("copies a follower once, however long that takes beside the kept log", async () => {
  const cluster = await started();
  cluster.publish(1);
  const leader = await cluster.leads(1);
  await write(leader, 0, 50);
  await cluster.agree();
  await cluster.kill(3);
  const letGo = async (behind: number) => {
    await leader.plane.engine.flusher.flushAll();
    await waitFor(() => {
      leader.clock.advance(1000);
      return leader.replica(0).firstIndex > behind;
    });
  };
  await write(leader, 50, 600);
  await letGo(100);
  await cluster.start(3);
  const copied = cluster.nodes.get(3)?.plane as TestDataPlane;
  const replica = copied.replica(0);
  const { promise: isHeld, resolve: release } = Promise.withResolvers<void>();
  const starts: number[] = [];
  const install = replica.installSnapshot.bind(replica);
  replica.installSnapshot = async (state) => {
    starts.push(state.position.index);
    const sink = await install(state);
    return {
      write: (entries) => sink.write(entries),
      commit: () => isHeld.then(() => sink.commit()),
      abort: () => sink.abort(),
    };
  };
  cluster.publish(1);
  await cluster.leads(1);
  await waitFor(() => starts.length > 0, { what: "the copy to begin" });
  await write(leader, 600, 2000);
  await leader.plane.engine.flusher.flushAll();
  for (let i = 0; i < 5; i++) await leader.clock.advanceAsync(1000);
  expect(leader.replica(0).firstIndex).toBeLessThanOrEqual((starts[0] as number) + 1);
  release();
  await cluster.agree();
  expect(starts).toHaveLength(1);
  await letGo(starts[0] as number);
});

it("catches up by itself after a follower's disk was full, also when nothing more is written", async () => {
  const cluster = await started();
  cluster.publish(1);
  const leader = await cluster.leads(1);
  await write(leader, 0, 50);
  await cluster.agree();
  const follower = cluster.nodes.get(2)?.plane as TestDataPlane;
  follower.disk.files.freeBytes = 100;
  const { failedTurnCount } = follower.plane.executors;
  await write(leader, 50, 60);
  await waitFor(() => follower.plane.executors.failedTurnCount > failedTurnCount, { what: "a write that failed" });
  follower.disk.files.freeBytes = Number.POSITIVE_INFINITY;
  await cluster.agree();
});

it("takes a new leader after the old one died, and the old one back with its tail set aside", async () => {
  const cluster = await started();
  cluster.publish(1);
  const old = await cluster.leads(1);
  await write(old, 0, 50);
  await cluster.agree();
  await cluster.kill(2);
  await cluster.kill(3);
  await write(old, 50, 60);
  await cluster.kill(1);
  for (const number of [2, 3]) await cluster.start(number);
  cluster.publish(2);
  const leader = await cluster.leads(2);
  await write(leader, 100, 110);
  await cluster.start(1);
  cluster.publish(2);
  await cluster.leads(2);
  await write(leader, 110, 120);
  await cluster.agree();
  const back = cluster.nodes.get(1)?.plane as TestDataPlane;
  expect(back.disk.files.list("/data/lost-writes").length).toBe(SLOTS);
  expect(back.plane.lostEntryCount).toBeGreaterThanOrEqual(SLOTS);
});

it("loses nothing that followers have when the leader loses its power and leads again", async () => {
  const cluster = new TestCluster();
  clusters.push(cluster);
  for (const number of [1, 2, 3]) await cluster.start(number, "no");
  cluster.publish(1);
  const old = await cluster.leads(1);
  await write(old, 0, 50);
  const last = [0, 1].map((slot) => old.replica(slot).last.index);
  // Not by the digest: that writes to the database, and so syncs the log.
  for (const number of [2, 3]) {
    const follower = cluster.nodes.get(number)?.plane as TestDataPlane;
    await waitFor(() => [0, 1].every((slot) => follower.replica(slot).last.index === last[slot]));
  }
  await cluster.kill(1, 3);
  await cluster.start(1, "no");
  const kept = cluster.nodes.get(1)?.plane.replica(0).last.index;
  expect(kept).toBeLessThan(last[0] as number);
  cluster.publish(1);
  const leader = await cluster.leads(1);
  expect([0, 1].map((slot) => leader.replica(slot).last.index)).toEqual(last);
  await write(leader, 50, 60);
  await cluster.agree();
});
