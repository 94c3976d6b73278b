/**
 * A node without managers: a cluster of itself with one table `default`, for development, benchmarks and tests.
 * The topology never changes; the replicas are made at the first start and lead in a new term at each start.
 */

import { randomBytes } from "node:crypto";
import { OperatingError } from "./base/errors.ts";
import { type ClusterId, type NodeId, replicaId, tableId } from "./meta/ids.ts";
import { isSlotCount } from "./meta/slot.ts";
import type { SlotAssignment, Topology, TopologyNode, TopologyTable } from "./meta/topology.ts";
import type { TopologySource } from "./meta/topology-source.ts";
import type { SlotHost } from "./shard/slot-host.ts";

const TABLE = tableId(1);

/** An id for a cluster that no manager gave one. */
export function makeClusterId(): ClusterId {
  return randomBytes(16).toString("hex") as ClusterId;
}

export class StandaloneTopology implements TopologySource {
  readonly isConfirmed = true;
  readonly grantedUntilMs = Number.POSITIVE_INFINITY;
  readonly #topology: Topology;

  /** @param slots of the table `default`; @throws OperatingError `InvalidOption` where it is no power of two. */
  constructor(cluster: ClusterId, node: TopologyNode, slots: number) {
    if (!isSlotCount(slots)) {
      throw new OperatingError(
        "InvalidOption",
        `--standalone-slots is ${slots}; allowed are powers of two from 1 to 16384`,
      );
    }
    this.#topology = makeTopology(cluster, node, slots);
  }

  current(): Topology {
    return this.#topology;
  }

  onChange(): () => void {
    return () => {};
  }
}

function makeTopology(clusterId: ClusterId, node: TopologyNode, slots: number): Topology {
  const table: TopologyTable = {
    id: TABLE,
    name: "default",
    slots,
    replicas: 1,
    consistency: "Asynchronous",
    clientRouting: "Forward",
    hashSeed: clusterId.slice(0, 16),
    passwordHashes: [],
  };
  const assignments = Array.from(
    { length: slots },
    (_, slot): SlotAssignment => ({ term: 1, leader: 0, replicas: [{ id: replicaId(slot + 1), node: node.id }] }),
  );
  return {
    clusterId,
    epoch: 1,
    nodes: new Map<NodeId, TopologyNode>([[node.id, node]]),
    tables: new Map([[TABLE, table]]),
    assignments: new Map([[TABLE, assignments]]),
    adminPasswordHashes: [],
    featureLevel: 1,
    managers: [],
  };
}

/** Makes the replicas that are not there yet, and leads all. */
export async function leadAll(host: SlotHost, topology: Topology): Promise<void> {
  const assignments = topology.assignments.get(TABLE) ?? [];
  const missing = assignments.flatMap(({ replicas: [replica] }, slot) =>
    replica === undefined || host.find(TABLE, slot) ? [] : [{ table: TABLE, slot, replica: replica.id }],
  );
  if (missing.length > 0) await host.create(missing);
  await Promise.all([...host.all()].map((replica) => replica.becomeLeader(replica.term + 1)));
}
