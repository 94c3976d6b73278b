/** Managers and nodes' agents in the test's process, on loopback and temporary directories. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, SystemClock } from "../../node/base/clock.ts";
import type { OperatingError } from "../../node/base/errors.ts";
import { silentLogger } from "../../node/base/log.ts";
import { randomHex } from "../../node/base/mac.ts";
import { Metrics } from "../../node/base/metrics.ts";
import type { ClusterId, NodeId } from "../../node/meta/ids.ts";
import type { ReplicaPosition, TableSpec } from "../../node/meta/manager-api.ts";
import type { Topology } from "../../node/meta/topology.ts";
import { ManagerAgent } from "../../node/server/manager-agent.ts";
import { ManagerClient } from "../../operator/manager/api/client.ts";
import { Manager, type ManagerOptions } from "../../operator/manager/manager.ts";
import { EmbeddedMetadataStore } from "../../operator/manager/store/embedded-store.ts";
import { EtcdMetadataStore } from "../../operator/manager/store/etcd-store.ts";
import type { MetadataStore } from "../../operator/manager/store/metadata-store.ts";
import { tableSpec } from "./cluster-states.ts";
import { waitFor } from "./wait-for.ts";

export const SECRET = "the cluster's secret";
const clock = new SystemClock();

export interface RunningManager {
  readonly manager: Manager;
  readonly store: MetadataStore;
  readonly fatal: OperatingError[];
}

export interface RunningNode {
  readonly agent: ManagerAgent;
  readonly nodeId: NodeId;
  readonly directory: string;
  readonly fatal: OperatingError[];
  clusterId: ClusterId | undefined;
}

/** Everything that a test starts; `stop` ends it and removes its files. */
export class Playground {
  #directory = "";
  #count = 0;
  readonly #stops: (() => Promise<void>)[] = [];

  async path(name: string): Promise<string> {
    if (this.#directory === "") this.#directory = await mkdtemp(join(tmpdir(), "pika-managers-"));
    return join(this.#directory, `${name}-${this.#count++}`);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
    if (this.#directory !== "") await rm(this.#directory, { recursive: true, force: true });
    this.#directory = "";
  }

  /** Calls `stop` at the end of the test. */
  defer(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  async embedded(directory?: string): Promise<MetadataStore> {
    const store = await EmbeddedMetadataStore.open(directory ?? (await this.path("metadata")), clock);
    this.defer(() => store.close());
    return store;
  }

  etcd(url: string, storeClock: Clock = clock): MetadataStore {
    const store = new EtcdMetadataStore({ endpoints: [url], timeoutMs: 1000 }, storeClock);
    this.defer(() => store.close());
    return store;
  }

  async manager(store: MetadataStore, over: Partial<ManagerOptions> & { clock?: Clock } = {}): Promise<RunningManager> {
    const fatal: OperatingError[] = [];
    const { clock: ownClock, ...options } = over;
    const manager = new Manager(
      {
        host: "127.0.0.1",
        port: 0,
        prefix: "/pika/test/demo",
        secrets: [SECRET],
        programVersion: "0.1.0",
        leaseTtlMs: 1000,
        heartbeatMs: 50,
        grantMs: 300,
        ...options,
      },
      {
        store,
        clock: ownClock ?? clock,
        logger: silentLogger,
        metrics: new Metrics(),
        onFatal: (error) => fatal.push(error),
      },
    );
    await manager.start();
    this.defer(() => manager.stop());
    return { manager, store, fatal };
  }

  client(managers: readonly { readonly url: string }[], secret = SECRET): ManagerClient {
    const client = new ManagerClient(
      { managers: managers.map(({ url }) => url), secret, caller: "test", timeoutMs: 3000 },
      clock,
    );
    this.defer(async () => client.close());
    return client;
  }

  /** @param over `directory`, `nodeId` and `clusterId` of an earlier start make it the same node. */
  async node(
    managers: readonly string[],
    over: {
      readonly name?: string;
      readonly zone?: string;
      readonly secret?: string;
      readonly directory?: string;
      readonly nodeId?: NodeId;
      readonly clusterId?: ClusterId | undefined;
      readonly positions?: () => readonly ReplicaPosition[];
    } = {},
  ): Promise<RunningNode> {
    const number = this.#count;
    const directory = over.directory ?? (await this.path("node"));
    await mkdir(directory, { recursive: true });
    const nodeId = over.nodeId ?? (randomHex(16) as NodeId);
    const fatal: OperatingError[] = [];
    const agent = new ManagerAgent(
      {
        managers,
        secret: over.secret ?? SECRET,
        dataDirectory: directory,
        nodeId,
        clusterId: over.clusterId,
        name: over.name ?? `node-${number}`,
        host: "127.0.0.1",
        peerPort: 9222,
        httpPort: 9223,
        announceHost: "127.0.0.1",
        announcePort: 9221,
        zone: over.zone ?? "",
        programVersion: "0.1.0",
      },
      {
        clock,
        logger: silentLogger,
        report: {
          positions: () => over.positions?.() ?? positionsOf(agent.current(), nodeId),
          load: () => ({ opsPerSecond: 0, connectedClients: 0, memoryBytes: 1, diskBytes: 1, tables: [] }),
          peers: () => [],
          isReady: () => agent.isConfirmed,
        },
        onJoined: async (clusterId) => {
          running.clusterId = clusterId;
        },
        onFatal: (error) => fatal.push(error),
      },
    );
    const running: RunningNode = { agent, nodeId, directory, fatal, clusterId: over.clusterId };
    await agent.start();
    this.defer(() => agent.stop());
    return running;
  }
}

/** A node that has all replicas that the topology gives it, in sync. */
function positionsOf(topology: Topology | undefined, node: NodeId): ReplicaPosition[] {
  const positions: ReplicaPosition[] = [];
  for (const slots of topology?.assignments.values() ?? []) {
    for (const slot of slots) {
      for (const replica of slot.replicas) if (replica.node === node) positions.push([replica.id, slot.term, 1, 0]);
    }
  }
  return positions;
}

export async function waitForLeader(managers: readonly Manager[]): Promise<Manager> {
  return await waitFor(() => managers.find(({ isLeading }) => isLeading), { what: "a manager to lead" });
}

export function putTableRequest(over: Partial<TableSpec> = {}) {
  return { owner: "test", generation: 1, spec: tableSpec(over) };
}

export function putClusterRequest(nodes: number) {
  return { owner: "test", generation: 1, spec: { nodes, adminPasswordHashes: [] } };
}
