/**
 * The port by which replication makes, finds and drops the replicas of this node. Implemented by shards.ts.
 * Invariants: at most one replica for each slot of a table; a dropped replica's log is never used again.
 */

import type { ReplicaId, TableId } from "../meta/ids.ts";
import type { ReplicaLog } from "./replica-log.ts";

/** Where a replica belongs and which one it is. */
export interface ReplicaPlacement {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
}

export interface ReplicaHost {
  find(table: TableId, slot: number): ReplicaLog | undefined;
  /** Every replica of this node, also those whose role is not known yet. */
  all(): Iterable<ReplicaLog>;
  /** Makes empty replicas, which follow until told otherwise; there is none of these slots. Durable when it resolves. */
  create(placements: readonly ReplicaPlacement[]): Promise<void>;
  /** Forgets replicas: no client is served from the call on, their data are collected in the background. */
  drop(placements: readonly ReplicaPlacement[]): Promise<void>;
}
