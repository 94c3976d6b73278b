/**
 * Replication of several slots between three nodes under a virtual clock and network, all from one seed: writes, link
 * breaks, crashes with and without power loss, logs that are cut short, leaders that change. Whatever happened, once it
 * is quiet all replicas agree; no entry is executed twice; a follower never has what its leader has not.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { delay } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Prng } from "../../node/base/prng.ts";
import { type NodeId, replicaId, tableId } from "../../node/meta/ids.ts";
import type { SlotAssignment, Topology } from "../../node/meta/topology.ts";
import { ReplicationFollower } from "../../node/replication/follower.ts";
import { ReplicationLeader } from "../../node/replication/leader.ts";
import { ReplicaRoles } from "../../node/replication/replica-roles.ts";
import { MemoryHost } from "../support/memory-host.ts";
import { MemoryLink, type NetworkSide } from "../support/memory-network.ts";
import type { MemoryReplica } from "../support/memory-replica.ts";
import { CLUSTER, nodeIdOf, topologyNode } from "../support/topology-arbitrary.ts";
import { settle, VirtualClock } from "../support/virtual-clock.ts";

const TABLE = tableId(1);
const NODE_COUNT = 3;
const SLOT_COUNT = 3;

/** One process of a node; its host survives it. */
class Process {
  readonly id: NodeId;
  readonly host: MemoryHost;
  readonly leader: ReplicationLeader;
  readonly follower: ReplicationFollower;
  readonly roles: ReplicaRoles;

  constructor(cluster: Cluster, id: NodeId, host: MemoryHost) {
    const { clock, prng } = cluster;
    const random = () => prng.nextFloat();
    const logger = silentLogger;
    const epoch = () => cluster.topology.epoch;
    this.id = id;
    this.host = host;
    this.leader = new ReplicationLeader({ logger, epoch });
    this.follower = new ReplicationFollower({ clock, logger, random, epoch, defer: queueMicrotask, onLost: () => {} });
    const source = {
      current: () => cluster.topology,
      isConfirmed: true,
      grantedUntilMs: Number.NEGATIVE_INFINITY,
      onChange: (changed: () => void) => {
        cluster.listeners.set(id, changed);
        return () => cluster.listeners.delete(id);
      },
    };
    const { leader, follower } = this;
    this.roles = new ReplicaRoles({
      self: id,
      source,
      host,
      leader,
      follower,
      clock,
      logger,
      random,
      onCarriedOut: () => {},
    });
  }

  get dialing(): NetworkSide {
    const { follower } = this;
    return {
      node: this.id,
      handlers: follower.handlers,
      onOpen: (channel) => follower.onOpen(channel),
      onClose: (channel) => follower.onClose(channel),
      onDrain: () => follower.onDrain(),
    };
  }

  get accepting(): NetworkSide {
    const { leader } = this;
    return {
      node: this.id,
      handlers: leader.handlers,
      onOpen: (channel) => leader.onOpen(channel),
      onClose: (channel) => leader.onClose(channel),
      onDrain: (channel) => leader.onDrain(channel),
    };
  }
}

class Cluster {
  readonly clock = new VirtualClock();
  readonly prng: Prng;
  readonly listeners = new Map<NodeId, () => void>();
  readonly hosts: readonly MemoryHost[];
  processes: (Process | undefined)[] = new Array(NODE_COUNT).fill(undefined);
  links = new Map<string, MemoryLink>();
  epoch = 1;
  assignments: SlotAssignment[];

  constructor(seed: number) {
    this.prng = new Prng(seed);
    const pause = () => delay(this.clock, this.prng.nextBelow(60));
    this.hosts = Array.from({ length: NODE_COUNT }, () => new MemoryHost(pause));
    this.assignments = Array.from({ length: SLOT_COUNT }, (_, slot) => ({
      term: 1,
      leader: slot % NODE_COUNT,
      replicas: Array.from({ length: NODE_COUNT }, (_, node) => ({
        id: replicaId(1 + slot * NODE_COUNT + node),
        node: nodeIdOf(node + 1),
      })),
    }));
  }

  get topology(): Topology {
    return {
      clusterId: CLUSTER,
      epoch: this.epoch,
      nodes: new Map([1, 2, 3].map((number) => [nodeIdOf(number), topologyNode(number)])),
      tables: new Map(),
      assignments: new Map([[TABLE, this.assignments]]),
      adminPasswordHashes: [],
      featureLevel: 1,
      managers: [],
    };
  }

  /** A new term for a slot, led by a node. */
  elect(slot: number, leader: number): void {
    const old = this.assignments[slot] as SlotAssignment;
    const seen = this.hosts.map((host) => host.find(TABLE, slot)?.term ?? 0);
    this.assignments = this.assignments.with(slot, { ...old, leader, term: Math.max(old.term, ...seen) + 1 });
    this.epoch++;
    for (const changed of this.listeners.values()) changed();
  }

  startNode(node: number): void {
    const isRestart = this.hosts[node]?.replicas.size !== 0;
    const process = new Process(this, nodeIdOf(node + 1), this.hosts[node] as MemoryHost);
    this.processes[node] = process;
    process.roles.start();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (isRestart && this.assignments[slot]?.leader === node) this.elect(slot, node);
    }
  }

  crashNode(node: number, isPowerLoss: boolean): void {
    const process = this.processes[node];
    if (process === undefined) return;
    this.processes[node] = undefined;
    this.listeners.delete(process.id);
    for (const [name, link] of this.links) {
      if (!name.split("-").includes(String(node))) continue;
      link.break(process.id);
      this.links.delete(name);
    }
    for (const replica of process.host.all()) replica.crash(isPowerLoss);
  }

  /** Makes every link that is missing between living nodes. */
  connect(): void {
    for (const [d, dialer] of this.processes.entries()) {
      for (const [a, acceptor] of this.processes.entries()) {
        if (d === a || dialer === undefined || acceptor === undefined || this.links.get(`${d}-${a}`)?.isOpen) continue;
        const link = new MemoryLink({ dialer: dialer.dialing, acceptor: acceptor.accepting }, this.clock, this.prng);
        this.links.set(`${d}-${a}`, link);
        link.open();
      }
    }
  }

  endTurns(): void {
    for (const process of this.processes) for (const replica of process?.host.all() ?? []) replica.endTurn();
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5) {
      await this.clock.advanceAsync(5);
      this.endTurns();
      await settle();
      this.check();
    }
  }

  leaderReplica(slot: number): MemoryReplica | undefined {
    const node = this.assignments[slot]?.leader ?? -1;
    const replica = this.processes[node]?.host.find(TABLE, slot);
    return replica?.role === "leader" ? replica : undefined;
  }

  /** A follower in the leader's stream has a part of the leader's log, and the leader knows no more of it than it has. */
  check(): void {
    for (const process of this.processes) {
      for (const { slot, state, leader } of process?.follower.statuses() ?? []) {
        const mine = process?.host.find(TABLE, slot);
        const led = this.leaderReplica(slot);
        const isPresent = led !== undefined && nodeIdOf((this.assignments[slot]?.leader ?? 0) + 1) === leader;
        if (state !== "streaming" || !isPresent || mine === undefined || mine.term !== led.term) continue;
        expect(mine.last.index).toBeLessThanOrEqual(led.last.index);
        const theirs = led.positionAt(mine.last.index);
        if (theirs !== undefined) expect(theirs).toEqual(mine.last);
      }
      for (const { slot, replica, appendedIndex, mode } of process?.leader.lags() ?? []) {
        if (mode !== "streaming") continue;
        const followers = this.hosts.map((host) => host.find(TABLE, slot)).filter((one) => one?.replica === replica);
        for (const follower of followers) expect(appendedIndex).toBeLessThanOrEqual(follower?.last.index ?? 0);
      }
    }
  }

  /** Waits for quiet and for every slot to agree on all nodes. */
  async heal(): Promise<void> {
    for (let node = 0; node < NODE_COUNT; node++) if (this.processes[node] === undefined) this.startNode(node);
    for (let round = 0; round < 40; round++) {
      this.connect();
      await this.pass(200);
      const lags = this.processes.flatMap((process) => process?.leader.lags() ?? []);
      const isQuiet =
        lags.length === SLOT_COUNT * (NODE_COUNT - 1) && lags.every((lag) => lag.isInSync && lag.lagEntries === 0);
      if (isQuiet) return;
    }
    const states = this.processes.flatMap((process) => process?.follower.statuses() ?? []);
    throw new Error(`the replicas do not come to agree: ${JSON.stringify(states)}`);
  }
}

type Step = (cluster: Cluster) => void;

const anyNode = (cluster: Cluster) => cluster.prng.nextBelow(NODE_COUNT);
const anySlot = (cluster: Cluster) => cluster.prng.nextBelow(SLOT_COUNT);

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
    cluster.links.get(`${anyNode(cluster)}-${anyNode(cluster)}`)?.break();
  },
  flap: (cluster) => {
    for (const link of cluster.links.values()) if (cluster.prng.nextBelow(2) === 0) link.break();
    cluster.connect();
  },
  connect: (cluster) => cluster.connect(),
  kill: (cluster) => cluster.crashNode(anyNode(cluster), false),
  powerLoss: (cluster) => cluster.crashNode(anyNode(cluster), true),
  start: (cluster) => {
    const node = anyNode(cluster);
    if (cluster.processes[node] === undefined) cluster.startNode(node);
  },
  elect: (cluster) => cluster.elect(anySlot(cluster), anyNode(cluster)),
};

const anyStep = fc.oneof(
  { weight: 10, arbitrary: fc.constant("write") },
  { weight: 3, arbitrary: fc.constantFrom("sync", "flush", "compact", "connect", "start") },
  { weight: 1, arbitrary: fc.constantFrom("breakLink", "flap", "flap", "kill", "powerLoss", "elect") },
);

async function run(seed: number, steps: readonly string[]): Promise<Cluster> {
  const cluster = new Cluster(seed);
  for (let node = 0; node < NODE_COUNT; node++) cluster.startNode(node);
  cluster.connect();
  await cluster.pass(100);
  for (const step of steps) {
    STEPS[step]?.(cluster);
    if (cluster.prng.nextBelow(3) === 0) cluster.connect();
    await cluster.pass(5 * cluster.prng.nextBelow(6));
  }
  await cluster.heal();
  return cluster;
}

async function expectAgreement(cluster: Cluster): Promise<void> {
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const replicas = cluster.hosts.map((host) => host.find(TABLE, slot));
    const digests = await Promise.all(replicas.map((replica) => replica?.digest()));
    expect(new Set(digests).size).toBe(1);
    expect(cluster.leaderReplica(slot)?.progress.needFrom).toBe((cluster.leaderReplica(slot)?.last.index ?? -1) + 1);
  }
}

it("ends in agreement, whatever happened", { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(anyStep, { maxLength: 60, size: "max" }), async (seed, steps) => {
      await expectAgreement(await run(seed, steps));
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
  led.progress = { needFrom: Number.POSITIVE_INFINITY, acknowledged: Number.POSITIVE_INFINITY };
  led.sync();
  led.flush();
  led.truncate();
  for (let i = 0; i < 5; i++) led.write(i);
  await cluster.heal();
  expect(cluster.hosts[2]?.find(TABLE, 0)?.snapshotCount).toBe(1);
  await expectAgreement(cluster);
});

it("sets a divergent tail aside, by the log alone", async () => {
  const cluster = await run(8, ["write", "write", "write"]);
  const old = cluster.leaderReplica(0) as MemoryReplica;
  for (const link of cluster.links.values()) link.break();
  for (let i = 0; i < 200; i++) old.write(i);
  await cluster.pass(20);
  cluster.elect(0, 1);
  await cluster.pass(20);
  const now = cluster.leaderReplica(0) as MemoryReplica;
  for (let i = 0; i < 100; i++) now.write(1000 + i);
  await cluster.heal();
  expect(old.lostCount).toBe(200);
  expect(old.snapshotCount).toBe(0);
  await expectAgreement(cluster);
});
