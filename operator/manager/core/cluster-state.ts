/**
 * Everything that the manager decides on, as one immutable value: what the metadata store holds, decoded.
 * Whoever makes a new state keeps the objects that did not change: what is written, and what nodes are sent, is found
 * by identity. `nodes`, `tables` and `assignments` hold the very objects of the topology.
 */

import type { ClusterId, NodeId, ReplicaId, TableId } from "../../../node/meta/ids.ts";
import type { ClusterSpec, TableSpec } from "../../../node/meta/manager-api.ts";
import type { SlotAssignment, Topology, TopologyNode, TopologyTable } from "../../../node/meta/topology.ts";

export interface NodeRecord {
  readonly node: TopologyNode;
  /** Of the process start that was given its terms. */
  readonly startId: string;
  readonly programVersion: string;
  readonly maxFeatureLevel: number;
}

/** Who wants something, and in which version of its wish. */
export interface Intent {
  readonly owner: string;
  readonly generation: number;
}

export interface TableRecord extends Intent {
  readonly table: TopologyTable;
  readonly spec: TableSpec;
  /** When the table was asked for, ms since 1970. */
  readonly createdMs: number;
}

export interface Settings {
  readonly featureLevel: number;
  /** Absent until somebody states what the cluster should be. */
  readonly desired: (Intent & { readonly spec: ClusterSpec }) | undefined;
}

export interface Counters {
  readonly nextTableId: number;
  readonly nextReplicaId: number;
}

export interface ClusterState {
  readonly clusterId: ClusterId;
  readonly epoch: number;
  readonly counters: Counters;
  readonly settings: Settings;
  readonly nodes: ReadonlyMap<NodeId, NodeRecord>;
  readonly tables: ReadonlyMap<TableId, TableRecord>;
  /** A table without one is not placed yet. */
  readonly assignments: ReadonlyMap<TableId, readonly SlotAssignment[]>;
}

/** What the manager hears from nodes, held in memory only. */
export interface Observations {
  /** Heard of within the last few heartbeats. */
  isAlive(node: NodeId): boolean;
  /** The last position that a replica's node sent; undefined where none came since this manager leads. */
  positionOf(replica: ReplicaId): ObservedPosition | undefined;
}

export interface ObservedPosition {
  readonly term: number;
  readonly index: number;
  /** REPLICA_IN_SYNC, REPLICA_COPYING or REPLICA_CATCHING_UP of node/meta/manager-api.ts. */
  readonly state: number;
}

/** The state of a cluster that has just been made. */
export function emptyState(clusterId: ClusterId): ClusterState {
  return {
    clusterId,
    epoch: 0,
    counters: { nextTableId: 1, nextReplicaId: 1 },
    settings: { featureLevel: 1, desired: undefined },
    nodes: new Map(),
    tables: new Map(),
    assignments: new Map(),
  };
}

/** What nodes are sent: every member, and retired nodes that a replica still refers to. */
export function toTopology(state: ClusterState, managers: readonly string[]): Topology {
  const referred = new Set<NodeId>();
  for (const slots of state.assignments.values()) {
    for (const slot of slots) for (const replica of slot.replicas) referred.add(replica.node);
  }
  const nodes = new Map<NodeId, TopologyNode>();
  for (const [id, { node }] of state.nodes) if (node.state !== "retired" || referred.has(id)) nodes.set(id, node);
  return {
    clusterId: state.clusterId,
    epoch: state.epoch,
    nodes,
    tables: new Map([...state.tables].map(([id, { table }]) => [id, table])),
    assignments: state.assignments,
    adminPasswordHashes: state.settings.desired?.spec.adminPasswordHashes ?? [],
    featureLevel: state.settings.featureLevel,
    managers,
  };
}

/** Nodes that may be given new replicas, by name (`nodes-2` before `nodes-10`), then by id. */
export function usableNodes(state: ClusterState): TopologyNode[] {
  return [...state.nodes.values()]
    .map(({ node }) => node)
    .filter((node) => node.state === "active")
    .toSorted(
      (a, b) =>
        a.name.length - b.name.length || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) || (a.id < b.id ? -1 : 1),
    );
}

export function isRetired(state: ClusterState, node: NodeId): boolean {
  return state.nodes.get(node)?.node.state === "retired";
}

export function findTable(state: ClusterState, name: string): TableRecord | undefined {
  for (const record of state.tables.values()) if (record.table.name === name) return record;
  return undefined;
}

/** A map with one entry put. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}
