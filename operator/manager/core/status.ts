/**
 * Answers to questions: what is there, what is missing, what may be restarted. Pure functions of the state and of what
 * was heard; they change nothing.
 */

import type { NodeId } from "../../../node/meta/ids.ts";
import {
  REPLICA_IN_SYNC,
  type RestartSafetyReply,
  type SlotCounts,
  type TableReply,
} from "../../../node/meta/manager-api.ts";
import type { SlotAssignment } from "../../../node/meta/topology.ts";
import { type ClusterState, isRetired, type Observations, type TableRecord, usableNodes } from "./cluster-state.ts";
import { placementObstacle } from "./plan.ts";

/** Blockers listed in one answer; all are counted. */
const MAX_BLOCKERS = 100;

/** How the slots of a table are. A leader counts once its node said that it leads in its term, a follower while in sync. */
export function countSlots(state: ClusterState, record: TableRecord, observed: Observations): SlotCounts {
  const slots = state.assignments.get(record.table.id);
  const counts = { total: record.table.slots, withLeader: 0, underReplicated: 0, lost: 0 };
  if (slots === undefined) return { ...counts, underReplicated: record.table.slots };
  for (const slot of slots) {
    if (isLed(slot, observed)) counts.withLeader++;
    if (isLost(state, slot)) counts.lost++;
    const inSync = slot.replicas.filter(
      (replica, i) => i === slot.leader || isInSync(replica.id, replica.node, observed),
    );
    if (inSync.length < record.table.replicas) counts.underReplicated++;
  }
  return counts;
}

function isLed(slot: SlotAssignment, observed: Observations): boolean {
  const leader = slot.replicas[slot.leader];
  if (leader === undefined || !isInSync(leader.id, leader.node, observed)) return false;
  return (observed.positionOf(leader.id)?.term ?? 0) >= slot.term;
}

/** Whether all replicas of a slot were on nodes that are gone for good. */
function isLost(state: ClusterState, slot: SlotAssignment): boolean {
  return slot.replicas.every(({ node }) => isRetired(state, node));
}

function isInSync(replica: SlotAssignment["replicas"][number]["id"], node: NodeId, observed: Observations): boolean {
  return observed.isAlive(node) && observed.positionOf(replica)?.state === REPLICA_IN_SYNC;
}

export interface TableLoad {
  readonly keys: number;
  readonly bytes: number;
}

export function describeTable(
  state: ClusterState,
  record: TableRecord,
  input: { readonly observed: Observations; readonly load: TableLoad; readonly nowMs: number },
): TableReply {
  const slots = countSlots(state, record, input.observed);
  return {
    id: record.table.id,
    name: record.table.name,
    owner: record.owner,
    generation: record.generation,
    spec: record.spec,
    replicas: record.table.replicas,
    slots,
    keys: input.load.keys,
    bytes: input.load.bytes,
    isReady: slots.withLeader === slots.total && slots.underReplicated === 0,
    notes: tableNotes(state, record, { slots, nowMs: input.nowMs }),
  };
}

function tableNotes(
  state: ClusterState,
  record: TableRecord,
  input: { readonly slots: SlotCounts; readonly nowMs: number },
): string[] {
  const notes: string[] = [];
  const placed = state.assignments.get(record.table.id);
  const obstacle = placed === undefined ? placementObstacle(state, record, input.nowMs) : undefined;
  if (obstacle !== undefined) notes.push(obstacle);
  const usable = usableNodes(state).length;
  if (placed !== undefined && record.table.replicas > usable) {
    notes.push(`wants ${record.table.replicas} replicas of each slot, but there are ${usable} nodes`);
  }
  if (input.slots.lost > 0) {
    notes.push(`${input.slots.lost} slots have no replica left: their only one was on a node whose disk is gone`);
  }
  if (placed !== undefined && nodesWithout(state, placed) > 0) {
    notes.push(
      `nodes without a replica of it: ${nodesWithout(state, placed)}; existing data is not moved to new nodes in this release`,
    );
  }
  return notes;
}

/** Nodes that hold nothing of a table that has enough slots for all. */
function nodesWithout(state: ClusterState, slots: readonly SlotAssignment[]): number {
  const nodes = usableNodes(state);
  if (slots.length < nodes.length) return 0;
  const holding = new Set(slots.flatMap(({ replicas }) => replicas.map(({ node }) => node)));
  return nodes.filter(({ id }) => !holding.has(id)).length;
}

/** Whether a node may be restarted: every slot that it leads would still have a follower in sync on a live node. */
export function judgeRestart(state: ClusterState, node: NodeId, observed: Observations): RestartSafetyReply {
  const blockers: RestartSafetyReply["blockers"] = [];
  let blockerCount = 0;
  for (const [id, slots] of state.assignments) {
    const table = state.tables.get(id)?.table.name ?? String(id);
    for (const [slot, assignment] of slots.entries()) {
      const reason = restartBlocker(assignment, node, observed);
      if (reason === undefined) continue;
      blockerCount++;
      if (blockers.length < MAX_BLOCKERS) blockers.push({ table, slot, reason });
    }
  }
  return { isSafe: blockerCount === 0, blockers, blockerCount };
}

function restartBlocker(slot: SlotAssignment, node: NodeId, observed: Observations): string | undefined {
  if (!slot.replicas.some((replica) => replica.node === node)) return undefined;
  const others = slot.replicas.filter((replica) => replica.node !== node);
  if (others.length === 0) return "its only replica is on this node";
  const leader = slot.replicas[slot.leader];
  const isLeadElsewhere = leader !== undefined && leader.node !== node && observed.isAlive(leader.node);
  if (isLeadElsewhere) return undefined;
  const hasFollower = others.some((replica) => isInSync(replica.id, replica.node, observed));
  return hasFollower ? undefined : "no other replica is alive and in sync";
}
