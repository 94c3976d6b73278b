import { afterEach, describe, expect, it } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";
import { silentLogger } from "../../../node/base/log.ts";
import { type NodeId, replicaId, tableId } from "../../../node/meta/ids.ts";
import type { SlotAssignment, Topology, TopologyNode } from "../../../node/meta/topology.ts";
import { Peering } from "../../../node/replication/peering.ts";
import { DEFAULT_LINK_LIMITS } from "../../../node/router/peer-link.ts";
import { MemoryHost } from "../../support/memory-host.ts";
import type { MemoryReplica } from "../../support/memory-replica.ts";
import { CLUSTER, nodeIdOf, topologyNode } from "../../support/topology-arbitrary.ts";
import { waitFor } from "../../support/wait-for.ts";

const TABLE = tableId(1);
const SLOTS = 4;
const clock = new SystemClock();

class TestCluster {
  readonly hosts = [1, 2, 3].map(() => new MemoryHost(async () => {}));
  readonly nodes = new Map<number, Peering>();
  readonly #listeners = new Set<() => void>();
  #topology: Topology | undefined;
  #epoch = 0;
  #term = 0;
  readonly #options: { readonly isLeaseEnforced: boolean };

  constructor(options = { isLeaseEnforced: false }) {
    this.#options = options;
  }

  /** Starts a node at a port of its own; the topology has to tell it to the others. */
  async start(number: number): Promise<Peering> {
    const host = this.hosts[number - 1] as MemoryHost;
    const source = {
      current: () => this.#topology,
      isConfirmed: true,
      grantedUntilMs: Number.NEGATIVE_INFINITY,
      onChange: (changed: () => void) => {
        this.#listeners.add(changed);
        return () => this.#listeners.delete(changed);
      },
    };
    const node = new Peering(
      {
        identity: { cluster: CLUSTER, node: nodeIdOf(number) },
        host: "127.0.0.1",
        port: 0,
        secret: "secret",
        isLeaseEnforced: this.#options.isLeaseEnforced,
        grants: { heartbeatMs: 10, grantMs: 60_000 },
        limits: DEFAULT_LINK_LIMITS,
      },
      {
        clock,
        logger: silentLogger,
        random: () => 0,
        source,
        host,
        handler: { handle: () => undefined, handleRun: () => {}, watch: () => undefined, unwatch: () => {} },
        onLostWrites: () => {},
      },
    );
    await node.start();
    this.nodes.set(number, node);
    return node;
  }

  async stop(number: number): Promise<void> {
    await this.nodes.get(number)?.stop();
    this.nodes.delete(number);
    for (const replica of this.hosts[number - 1]?.all() ?? []) replica.crash(false);
  }

  /** Publishes a topology of the running nodes, slot i led by the i-th of `leaders` in turn, in a new term. */
  publish(leaders: readonly number[], members: readonly number[] = [1, 2, 3]): void {
    this.#epoch++;
    this.#term++;
    const nodes = new Map<NodeId, TopologyNode>();
    for (const [number, node] of this.nodes) nodes.set(nodeIdOf(number), topologyNode(number, { peerPort: node.port }));
    const assignments: SlotAssignment[] = Array.from({ length: SLOTS }, (_, slot) => ({
      term: this.#term,
      leader: members.indexOf(leaders[slot % leaders.length] as number),
      replicas: members.map((number) => ({ id: replicaId(10 * number + slot), node: nodeIdOf(number) })),
    }));
    this.#topology = {
      clusterId: CLUSTER,
      epoch: this.#epoch,
      nodes,
      tables: new Map(),
      assignments: new Map([[TABLE, assignments]]),
      adminPasswordHashes: [],
      featureLevel: 1,
      managers: [],
    };
    for (const changed of this.#listeners) changed();
  }

  replica(number: number, slot: number): MemoryReplica {
    return this.hosts[number - 1]?.find(TABLE, slot) as MemoryReplica;
  }

  async leads(number: number, slot: number): Promise<MemoryReplica> {
    await waitFor(() => {
      this.endTurns();
      return this.hosts[number - 1]?.find(TABLE, slot)?.role === "leader";
    });
    return this.replica(number, slot);
  }

  endTurns(): void {
    for (const host of this.hosts) for (const replica of host.all()) replica.endTurn();
  }

  async agree(numbers: readonly number[] = [1, 2, 3]): Promise<void> {
    const isSame = async () => {
      this.endTurns();
      for (let slot = 0; slot < SLOTS; slot++) {
        const digests = await Promise.all(numbers.map((number) => this.replica(number, slot)?.digest()));
        if (new Set(digests).size !== 1) return false;
      }
      return true;
    };
    await waitFor(isSame, { what: "the replicas to agree" });
  }
}

const clusters: TestCluster[] = [];
afterEach(async () => {
  for (const cluster of clusters.splice(0)) for (const number of [...cluster.nodes.keys()]) await cluster.stop(number);
});

async function started(numbers: readonly number[], options = { isLeaseEnforced: false }): Promise<TestCluster> {
  const cluster = new TestCluster(options);
  clusters.push(cluster);
  for (const number of numbers) await cluster.start(number);
  return cluster;
}

describe("nodes over real links", () => {
  it("replicate what their leaders write, and tell how far behind they are", async () => {
    const cluster = await started([1, 2, 3]);
    cluster.publish([1, 2, 3]);
    const led = await cluster.leads(1, 0);
    for (let i = 0; i < 5000; i++) led.write(i);
    (await cluster.leads(2, 1)).write(7);
    await cluster.agree();
    await waitFor(() =>
      cluster.nodes
        .get(1)
        ?.followerLags()
        .every((lag) => lag.isInSync && lag.lagEntries === 0),
    );
    expect(cluster.nodes.get(1)?.followerLags().length).toBe(4);
    await waitFor(() =>
      cluster.nodes
        .get(3)
        ?.following()
        .every((status) => status.isInSync && status.lagEntries === 0),
    );
    expect(cluster.nodes.get(3)?.following().length).toBe(3);
    expect(cluster.replica(2, 0).snapshotCount + cluster.replica(3, 0).snapshotCount).toBe(0);
  });

  it("bring a node that was away up to date by the log, and by a snapshot after the log is gone", async () => {
    const cluster = await started([1, 2, 3]);
    cluster.publish([1, 2]);
    const led = await cluster.leads(1, 0);
    led.write(1);
    await cluster.agree();
    await cluster.stop(3);
    led.write(2);
    led.endTurn();
    await cluster.start(3);
    cluster.publish([1, 2]);
    await cluster.agree();
    expect(cluster.replica(3, 0).snapshotCount).toBe(0);

    await cluster.stop(3);
    for (let i = 0; i < 100; i++) led.write(i);
    await cluster.agree([1, 2]);
    led.sync();
    await waitFor(() => {
      led.flush();
      led.truncate();
      return led.firstIndex > 100;
    });
    await cluster.start(3);
    cluster.publish([1, 2]);
    await cluster.agree();
    expect(cluster.replica(3, 0).snapshotCount).toBe(1);
  });

  it("follow a new leader, which fetches what the old one has more before it leads", async () => {
    const cluster = await started([1, 2, 3]);
    cluster.publish([1]);
    const old = await cluster.leads(1, 0);
    old.write(1);
    await cluster.agree();
    await cluster.stop(2);
    await cluster.stop(3);
    old.write(2);
    old.write(3);
    old.endTurn();
    await cluster.start(2);
    await cluster.start(3);
    cluster.publish([2]);
    (await cluster.leads(2, 0)).write(4);
    await cluster.agree();
    expect(old.lostCount).toBe(0);
    expect(old.last.index).toBe(4);
  });

  it("give replicas up that the topology takes away", async () => {
    const cluster = await started([1, 2, 3]);
    cluster.publish([1]);
    (await cluster.leads(1, 0)).write(1);
    await cluster.agree();
    cluster.publish([1], [1, 2]);
    await waitFor(() => [...(cluster.hosts[2]?.all() ?? [])].length === 0);
    await waitFor(() => cluster.nodes.get(1)?.followerLags().length === SLOTS);
  });

  it("let leaders hold their lease by the followers' grants", async () => {
    const cluster = await started([1, 2, 3], { isLeaseEnforced: true });
    const before = clock.monotonicMs();
    cluster.publish([1]);
    const led = await cluster.leads(1, 0);
    await waitFor(() => Number.isFinite(led.leaseUntilMs) && led.leaseUntilMs > before);
    expect(led.leaseUntilMs).toBeLessThanOrEqual(clock.monotonicMs() + 60_000);
    await cluster.stop(2);
    await waitFor(() =>
      cluster.nodes
        .get(1)
        ?.peers()
        .some(({ isLinked }) => !isLinked),
    );
  });

  it("keep one lease less than the followers that it takes", async () => {
    const cluster = await started([1, 2], { isLeaseEnforced: true });
    cluster.publish([1]);
    const led = await cluster.leads(1, 0);
    await waitFor(() =>
      cluster.nodes
        .get(1)
        ?.peers()
        .some(({ isLinked }) => isLinked),
    );
    await waitFor(() =>
      cluster.nodes
        .get(1)
        ?.followerLags()
        .some(({ isInSync }) => isInSync),
    );
    expect(led.leaseUntilMs).toBe(Number.NEGATIVE_INFINITY);
  });
});
