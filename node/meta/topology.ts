/**
 * The cluster as a node sees it at one epoch: an immutable value, replaced as a whole.
 * Selection over it is pure and lives here; I/O only feeds it. Persisted and sent as docs/formats/metadata.md says.
 */

import type { ClusterId, NodeId, ReplicaId, TableId } from "./ids.ts";

export type NodeState = "active" | "draining" | "retired";

export interface TopologyNode {
  readonly id: NodeId;
  /** Host name of the pod or process, for people: `demo-nodes-0`. */
  readonly name: string;
  /** Stable name or address, resolved at each dial. */
  readonly host: string;
  readonly peerPort: number;
  readonly httpPort: number;
  /** What clients are told (CLUSTER SLOTS, MOVED). */
  readonly announceHost: string;
  readonly announcePort: number;
  /** "" where the cluster has no zones. */
  readonly zone: string;
  readonly state: NodeState;
}

export type Consistency = "Asynchronous" | "Consistent";
export type ClientRouting = "Forward" | "Redirect";

export interface TopologyTable {
  readonly id: TableId;
  readonly name: string;
  /** A power of two, 1 … 16384; never changes. */
  readonly slots: number;
  /** Wanted number of replicas of each slot. */
  readonly replicas: number;
  readonly consistency: Consistency;
  readonly clientRouting: ClientRouting;
  /** Key of the hash that orders records and elements: 16 hex digits, two big-endian 32-bit words k0, k1. Never changes. */
  readonly hashSeed: string;
  /** SHA-256 (hex) of each accepted password; empty: no password wanted. Two during a rotation. */
  readonly passwordHashes: readonly string[];
}

export interface Replica {
  readonly id: ReplicaId;
  readonly node: NodeId;
}

/** One slot's replication group. */
export interface SlotAssignment {
  /** Version of the leadership; only grows. */
  readonly term: number;
  /** Index into `replicas`, or -1 while no replica leads. */
  readonly leader: number;
  readonly replicas: readonly Replica[];
}

export interface Topology {
  readonly clusterId: ClusterId;
  /** Only grows; each change of the topology is one epoch. */
  readonly epoch: number;
  readonly nodes: ReadonlyMap<NodeId, TopologyNode>;
  readonly tables: ReadonlyMap<TableId, TopologyTable>;
  /** For each table, one assignment per slot, by slot number. */
  readonly assignments: ReadonlyMap<TableId, readonly SlotAssignment[]>;
  /** SHA-256 (hex) of the admin passwords; empty: none is set (the local default). */
  readonly adminPasswordHashes: readonly string[];
  /** The layout level that new log entries are made at (DESIGN §4.2). */
  readonly featureLevel: number;
  /** Base URLs of the managers, the leader in no particular place. */
  readonly managers: readonly string[];
}
