/**
 * Replication of several slots between three nodes under a virtual clock and network, all from one seed: writes, link
 * breaks, crashes with and without power loss, logs that are cut short, leaders that change, managers that go away.
 * Whatever happened, once it is quiet all replicas agree; what is checked all the time is in
 * test/support/replication-cluster.ts.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { MemoryReplica } from "../support/memory-replica.ts";
import { NODE_COUNT, SimulatedCluster, SLOT_COUNT, TABLE } from "../support/replication-cluster.ts";

type Step = (cluster: SimulatedCluster) => void;

const anyNode = (cluster: SimulatedCluster) => cluster.prng.nextBelow(NODE_COUNT);
const anySlot = (cluster: SimulatedCluster) => cluster.prng.nextBelow(SLOT_COUNT);

const STEPS: Readonly<Record<string, Step>> = {
  write: (cluster) => {
    const leader = cluster.leaderReplica(anySlot(cluster));
    for (let count = 1 + cluster.prng.nextBelow(30); count > 0; count--) leader?.write(cluster.prng.nextUint32());
  },
  sync: (cluster) => {
    for (const replica of cluster.hosts[anyNode(cluster)]?.all() ?? []) replica.sync();
  },
  flush: (cluster) => {
    for (const replica of cluster.hosts[anyNode(cluster)]?.all() ?? []) replica.flush();
  },
  compact: (cluster) => {
    for (const host of cluster.hosts) {
      for (const replica of host.all()) {
        replica.sync();
        if (cluster.prng.nextBelow(2) === 0)
          replica.progress = { ...replica.progress, acknowledged: Number.POSITIVE_INFINITY };
        replica.flush();
        replica.truncate();
      }
    }
  },
  breakLink: (cluster) => {
    cluster.links.get(`${anyNode(cluster)}-${anyNode(cluster)}`)?.link.break();
  },
  flap: (cluster) => {
    for (const { link } of cluster.links.values()) if (cluster.prng.nextBelow(2) === 0) link.break();
    cluster.connect();
  },
  connect: (cluster) => cluster.connect(),
  kill: (cluster) => cluster.crashNode(anyNode(cluster), false),
  powerLoss: (cluster) => cluster.crashNode(anyNode(cluster), true),
  start: (cluster) => {
    const node = anyNode(cluster);
    if (cluster.processes[node] === undefined) cluster.startNode(node);
  },
  /** Loses power and is back at once: the others are there. */
  restart: (cluster) => {
    const node = anyNode(cluster);
    cluster.crashNode(node, true);
    cluster.startNode(node);
    cluster.connect();
  },
  elect: (cluster) => cluster.elect(anySlot(cluster), anyNode(cluster)),
  managersLeave: (cluster) => {
    cluster.areManagersUp = false;
  },
  managersReturn: (cluster) => cluster.returnManagers(),
};

const anyStep = fc.oneof(
  { weight: 10, arbitrary: fc.constant("write") },
  {
    weight: 3,
    arbitrary: fc.constantFrom("sync", "flush", "compact", "connect", "start", "restart", "managersReturn"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("breakLink", "flap", "flap", "kill", "powerLoss", "elect", "managersLeave"),
  },
);

async function run(seed: number, steps: readonly string[]): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed);
  for (let node = 0; node < NODE_COUNT; node++) cluster.startNode(node);
  cluster.connect();
  await cluster.pass(100);
  for (const step of steps) {
    STEPS[step]?.(cluster);
    if (cluster.prng.nextBelow(3) === 0) cluster.connect();
    // Now and then so long that a start without managers comes to its end.
    const ms = cluster.prng.nextBelow(10) === 0 ? 1500 : 5 * cluster.prng.nextBelow(6);
    await cluster.pass(ms);
  }
  cluster.returnManagers();
  await cluster.heal();
  return cluster;
}

it("ends in agreement, whatever happened", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(anyStep, { maxLength: 60, size: "max" }), async (seed, steps) => {
      await (await run(seed, steps)).expectAgreement();
    }),
    { numRuns: 40 },
  );
});

it("copies a slot whose log is gone, and goes on from there", async () => {
  const steps = ["write", "write", "write", "write", "write", "write", "sync", "sync", "sync", "sync"];
  const cluster = await run(7, steps);
  cluster.crashNode(2, false);
  const led = cluster.leaderReplica(0) as MemoryReplica;
  for (let i = 0; i < 50; i++) led.write(i);
  await cluster.pass(100);
  led.progress = {
    needFrom: Number.POSITIVE_INFINITY,
    copiesNeedFrom: Number.POSITIVE_INFINITY,
    acknowledged: Number.POSITIVE_INFINITY,
  };
  led.sync();
  led.flush();
  led.truncate();
  for (let i = 0; i < 5; i++) led.write(i);
  await cluster.heal();
  expect(cluster.hosts[2]?.find(TABLE, 0)?.snapshotCount).toBe(1);
  await cluster.expectAgreement();
});

/** A divergent tail at the old leader of slot 0: the new one was chosen while nobody could reach the other. */
it("sets a divergent tail aside, by the log alone", async () => {
  const cluster = await run(8, ["write", "write", "write"]);
  // Later after its start than a node waits for others that have no link.
  await cluster.pass(3000);
  const old = cluster.leaderReplica(0) as MemoryReplica;
  for (const { link } of cluster.links.values()) link.break();
  for (let i = 0; i < 200; i++) old.write(i);
  await cluster.pass(20);
  cluster.elect(0, 1);
  await cluster.pass(20);
  const now = cluster.leaderReplica(0) as MemoryReplica;
  for (let i = 0; i < 100; i++) now.write(1000 + i);
  await cluster.heal();
  expect(old.lostCount).toBe(200);
  expect(old.snapshotCount).toBe(0);
  await cluster.expectAgreement();
});

/** Slot 0 with 100 entries at all, of which the leader has synced none. */
async function withUnsyncedLeader(seed: number): Promise<SimulatedCluster> {
  const cluster = await run(seed, []);
  for (let i = 0; i < 100; i++) cluster.replica(0, 0).write(i);
  await cluster.pass(200);
  for (let node = 0; node < NODE_COUNT; node++) expect(cluster.replica(0, node).last.index).toBe(100);
  return cluster;
}

it("has a leader that lost its unsynced tail fetch it from a follower before it leads", async () => {
  const cluster = await withUnsyncedLeader(9);
  cluster.crashNode(0, true);
  expect(cluster.replica(0, 0).last.index).toBe(0);
  cluster.startNode(0);
  await cluster.heal();
  expect(cluster.replica(0, 0).last.index).toBe(100);
  for (let node = 0; node < NODE_COUNT; node++) expect(cluster.replica(0, node).lostCount).toBe(0);
  await cluster.expectAgreement();
});

it("has it fetch a copy where the follower's log does not reach back", async () => {
  const cluster = await withUnsyncedLeader(10);
  const follower = cluster.replica(0, 1);
  follower.sync();
  follower.flush();
  follower.truncate();
  cluster.crashNode(2, true);
  cluster.crashNode(0, true);
  cluster.startNode(0);
  await cluster.heal();
  expect(cluster.replica(0, 0).last.index).toBe(100);
  expect(cluster.replica(0, 0).snapshotCount).toBe(1);
  await cluster.expectAgreement();
});

it("leads without whoever does not come, after a while; what only that one had is set aside", async () => {
  const cluster = await withUnsyncedLeader(11);
  for (const node of [0, 1, 2]) cluster.crashNode(node, node !== 1);
  cluster.startNode(0);
  cluster.startNode(2);
  cluster.connect();
  await cluster.pass(2500);
  expect(cluster.leaderReplica(0)).toBeUndefined();
  await cluster.pass(1000);
  expect(cluster.leaderReplica(0)?.last.index).toBe(0);
  cluster.leaderReplica(0)?.write(1);
  await cluster.heal();
  expect(cluster.replica(0, 1).lostCount).toBe(100);
  await cluster.expectAgreement();
});

it("leads new slots at once", async () => {
  const cluster = new SimulatedCluster(12);
  for (let node = 0; node < NODE_COUNT; node++) cluster.startNode(node);
  await cluster.pass(10);
  for (let slot = 0; slot < SLOT_COUNT; slot++) expect(cluster.leaderReplica(slot)).toBeDefined();
});

it("without managers leads in a term of its own once all others have promised it, and gives it up to theirs", async () => {
  const cluster = await withUnsyncedLeader(13);
  cluster.areManagersUp = false;
  cluster.crashNode(0, true);
  cluster.crashNode(2, false);
  cluster.startNode(0);
  cluster.connect();
  await cluster.pass(10_000);
  expect(cluster.leaderReplica(0)).toBeUndefined();
  cluster.startNode(2);
  await cluster.heal();
  const led = cluster.leaderReplica(0) as MemoryReplica;
  expect(led.last.index).toBe(100);
  const raisedTerm = led.term;
  expect(raisedTerm).toBeGreaterThan(cluster.assignments[0]?.term ?? 0);
  led.write(1);
  await cluster.pass(200);
  await cluster.expectAgreement();
  cluster.returnManagers();
  await cluster.pass(10);
  expect(cluster.leaderReplica(0)).toBe(led);
  expect(led.term).toBeGreaterThan(raisedTerm);
  led.write(2);
  await cluster.heal();
  await cluster.expectAgreement();
});

it("without managers comes back after all have lost power, again and again", async () => {
  const cluster = await withUnsyncedLeader(14);
  cluster.areManagersUp = false;
  for (let round = 0; round < 4; round++) {
    for (let node = 0; node < NODE_COUNT; node++) cluster.crashNode(node, true);
    await cluster.heal();
    for (let slot = 0; slot < SLOT_COUNT; slot++) for (let i = 0; i < 10; i++) cluster.leaderReplica(slot)?.write(i);
    await cluster.pass(round * 7);
  }
  await cluster.heal();
  await cluster.expectAgreement();
});
