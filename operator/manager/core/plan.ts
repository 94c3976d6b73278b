/**
 * What should be done next, from what is and what is wanted. Pure; the executor commits what comes out.
 * Each function gives a new state, or the same one where nothing is to do, so that planning again after a crash or a
 * lost answer goes on where it stopped.
 */

import { MAX_REPLICAS } from "../../../node/meta/assignment-codec.ts";
import type { NodeId, TableId } from "../../../node/meta/ids.ts";
import { REPLICA_IN_SYNC } from "../../../node/meta/manager-api.ts";
import type { SlotAssignment } from "../../../node/meta/topology.ts";
import {
  type ClusterState,
  isRetired,
  type Observations,
  type ObservedPosition,
  type TableRecord,
  usableNodes,
} from "./cluster-state.ts";
import { NodeLoads, placeTable, ReplicaIdSource, repairTable } from "./placement.ts";

export interface PlanContext extends Observations {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /**
   * Whether leaders may be replaced: this manager leads for at least one grant, and what it granted to the retired
   * nodes has run out (DESIGN §5, the rule of grants).
   */
  readonly mayReplaceLeaders: boolean;
}

/** A table that was asked for waits so long for nodes that are expected; then those that are there take it. */
export const PLACEMENT_WAIT_MS = 60_000;

/** The state with everything done that can be done now. */
export function planState(state: ClusterState, context: PlanContext): ClusterState {
  return repairTables(placeTables(resolveReplicas(state), context), context);
}

/** How many replicas a table aims at: what it says, or two where there are two nodes. */
export function wantedReplicas(state: ClusterState, record: TableRecord): number {
  const nodes = Math.max(state.settings.desired?.spec.nodes ?? 1, usableNodes(state).length);
  return Math.min(record.spec.replicas ?? Math.min(2, nodes), MAX_REPLICAS);
}

function resolveReplicas(state: ClusterState): ClusterState {
  let tables: Map<TableId, TableRecord> | undefined;
  for (const [id, record] of state.tables) {
    const replicas = wantedReplicas(state, record);
    if (replicas === record.table.replicas) continue;
    tables ??= new Map(state.tables);
    tables.set(id, { ...record, table: { ...record.table, replicas } });
  }
  return tables === undefined ? state : { ...state, tables };
}

/** Why a table is not placed yet; undefined when it may be. */
export function placementObstacle(state: ClusterState, record: TableRecord, nowMs: number): string | undefined {
  const count = usableNodes(state).length;
  const expected = Math.max(state.settings.desired?.spec.nodes ?? 1, record.table.replicas);
  if (count === 0) return `waits for nodes: none of ${expected} has registered`;
  if (count >= expected || nowMs - record.createdMs >= PLACEMENT_WAIT_MS) return undefined;
  return `waits for nodes: ${count} of ${expected} have registered`;
}

function placeTables(state: ClusterState, context: PlanContext): ClusterState {
  const waiting = [...state.tables.values()].filter(
    (record) =>
      !state.assignments.has(record.table.id) && placementObstacle(state, record, context.nowMs) === undefined,
  );
  if (waiting.length === 0) return state;
  const nodes = usableNodes(state);
  const loads = loadsOf(state);
  const ids = new ReplicaIdSource(state.counters.nextReplicaId);
  const assignments = new Map(state.assignments);
  for (const { table } of waiting.toSorted((a, b) => a.table.id - b.table.id)) {
    assignments.set(table.id, placeTable(table.slots, { nodes, replicas: table.replicas, loads, ids }));
  }
  return { ...state, assignments, counters: { ...state.counters, nextReplicaId: ids.next } };
}

function repairTables(state: ClusterState, context: PlanContext): ClusterState {
  const nodes = usableNodes(state);
  let loads: NodeLoads | undefined;
  const ids = new ReplicaIdSource(state.counters.nextReplicaId);
  const isMember = (node: NodeId) => state.nodes.has(node) && !isRetired(state, node);
  const chooseLeader = (slot: SlotAssignment) =>
    context.mayReplaceLeaders ? chooseSuccessor(slot, isMember, context) : -1;
  const reportedTerm = (slot: SlotAssignment) => highestTerm(slot, context);
  let assignments: Map<TableId, readonly SlotAssignment[]> | undefined;
  for (const [id, slots] of state.assignments) {
    const replicas = state.tables.get(id)?.table.replicas ?? 1;
    const repaired = repairTable(slots, {
      nodes,
      replicas,
      // Counted only where something must be placed.
      get loads() {
        loads ??= loadsOf(state);
        return loads;
      },
      ids,
      isMember,
      chooseLeader,
      reportedTerm,
    });
    if (repaired === slots) continue;
    assignments ??= new Map(state.assignments);
    assignments.set(id, repaired);
  }
  if (assignments === undefined) return state;
  return { ...state, assignments, counters: { ...state.counters, nextReplicaId: ids.next } };
}

/**
 * Who leads a slot whose leader's node was retired: the follower in sync with the highest {term, index}, once every
 * member of the group has said where it stands; −1 until then. A replica that copies a snapshot is never chosen.
 */
function chooseSuccessor(slot: SlotAssignment, isMember: (node: NodeId) => boolean, observed: Observations): number {
  let best = -1;
  let bestPosition: ObservedPosition | undefined;
  for (const [index, replica] of slot.replicas.entries()) {
    if (!isMember(replica.node)) continue;
    const position = observed.positionOf(replica.id);
    if (position === undefined || !observed.isAlive(replica.node)) return -1;
    if (position.state !== REPLICA_IN_SYNC) continue;
    if (bestPosition !== undefined && !isAhead(position, bestPosition)) continue;
    best = index;
    bestPosition = position;
  }
  return best;
}

function highestTerm(slot: SlotAssignment, observed: Observations): number {
  let highest = 0;
  for (const { id } of slot.replicas) highest = Math.max(highest, observed.positionOf(id)?.term ?? 0);
  return highest;
}

function isAhead(a: ObservedPosition, b: ObservedPosition): boolean {
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

function loadsOf(state: ClusterState): NodeLoads {
  const loads = new NodeLoads();
  for (const slots of state.assignments.values()) loads.add(slots);
  return loads;
}
