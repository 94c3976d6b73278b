/**
 * What a registering node is: known, new, new under a known name, or retired (docs/formats/metadata.md, "Identity").
 * Pure. A start is recorded only after its terms are: `raiseTerms` is committed first, `recordStart` second, so that a
 * manager that dies between them gives new terms again.
 */

import type { NodeId, ReplicaId } from "../../../node/meta/ids.ts";
import type { RegisterRequest } from "../../../node/meta/manager-api.ts";
import { MAX_NODES } from "../../../node/meta/schemas.ts";
import type { SlotAssignment, TopologyNode } from "../../../node/meta/topology.ts";
import { type ClusterState, type NodeRecord, withEntry } from "./cluster-state.ts";

export type RegistrationVerdict =
  | { readonly kind: "accepted" }
  /** This id is no member any more. */
  | { readonly kind: "retired" }
  | { readonly kind: "refused"; readonly code: "NameInUse" | "NotSupported"; readonly message: string };

/** Whether a node may join or come back. */
export function judgeRegistration(
  state: ClusterState,
  request: RegisterRequest,
  isAlive: (node: NodeId) => boolean,
): RegistrationVerdict {
  const known = state.nodes.get(request.nodeId);
  if (known?.node.state === "retired") return { kind: "retired" };
  if (
    known !== undefined &&
    known.startId !== request.startId &&
    hasMoved(known.node, request) &&
    isAlive(known.node.id)
  ) {
    const message =
      `the node with id ${request.nodeId} is alive at ${known.node.host}:${known.node.peerPort} and this one, at ` +
      `${request.host}:${request.peerPort}, has the same: its data directory is a copy; stop one of them, or give this ` +
      "one an empty directory";
    return { kind: "refused", code: "NameInUse", message };
  }
  const namesake = findNamesake(state, request);
  if (namesake !== undefined && isAlive(namesake.id)) {
    const message =
      `a node named ${request.name} (id ${namesake.id}, at ${namesake.host}:${namesake.peerPort}) is alive; ` +
      `this one has id ${request.nodeId}: stop the other one, or give this one another name`;
    return { kind: "refused", code: "NameInUse", message };
  }
  if (known === undefined && namesake === undefined && countMembers(state) >= MAX_NODES) {
    return { kind: "refused", code: "NotSupported", message: `a cluster has at most ${MAX_NODES} nodes` };
  }
  return { kind: "accepted" };
}

function countMembers(state: ClusterState): number {
  let count = 0;
  for (const { node } of state.nodes.values()) if (node.state !== "retired") count++;
  return count;
}

/** At the same address there can be no second one: the first is being restarted. */
function hasMoved(node: TopologyNode, request: RegisterRequest): boolean {
  return node.host !== request.host || node.peerPort !== request.peerPort;
}

/** The member that has the request's name and another id. */
function findNamesake(state: ClusterState, request: RegisterRequest): TopologyNode | undefined {
  for (const { node } of state.nodes.values()) {
    if (node.name === request.name && node.id !== request.nodeId && node.state !== "retired") return node;
  }
  return undefined;
}

/** Gives new terms to the slots that the node leads, where this start has none yet; the same state where it has. */
export function raiseTerms(state: ClusterState, request: RegisterRequest): ClusterState {
  if (state.nodes.get(request.nodeId)?.startId === request.startId) return state;
  const reported = new Map<ReplicaId, number>(request.replicas.map(([id, term]) => [id, term]));
  const assignments = new Map(state.assignments);
  for (const [table, slots] of state.assignments) {
    if (slots.some((slot) => leadsSlot(slot, request.nodeId))) {
      assignments.set(
        table,
        slots.map((slot) => (leadsSlot(slot, request.nodeId) ? withNewTerm(slot, reported) : slot)),
      );
    }
  }
  return { ...state, assignments };
}

function leadsSlot(slot: SlotAssignment, node: NodeId): boolean {
  return slot.replicas[slot.leader]?.node === node;
}

/** A term above both what was given and what the replica knows (it may have raised its own while managers were away). */
function withNewTerm(slot: SlotAssignment, reported: ReadonlyMap<ReplicaId, number>): SlotAssignment {
  const leader = slot.replicas[slot.leader];
  return { ...slot, term: Math.max(slot.term, leader ? (reported.get(leader.id) ?? 0) : 0) + 1 };
}

/** Records the node as this start has it; a namesake with another id is retired. */
export function recordStart(state: ClusterState, request: RegisterRequest): ClusterState {
  const known = state.nodes.get(request.nodeId);
  const node: TopologyNode = {
    id: request.nodeId,
    name: request.name,
    host: request.host,
    peerPort: request.peerPort,
    httpPort: request.httpPort,
    announceHost: request.announceHost,
    announcePort: request.announcePort,
    zone: request.zone,
    state: known?.node.state ?? "active",
  };
  const record: NodeRecord = {
    node: known !== undefined && isSameNode(known.node, node) ? known.node : node,
    startId: request.startId,
    programVersion: request.programVersion,
    maxFeatureLevel: request.maxFeatureLevel,
  };
  let nodes = state.nodes;
  const namesake = findNamesake(state, request);
  const replaced = namesake && state.nodes.get(namesake.id);
  if (namesake && replaced) {
    nodes = withEntry(nodes, namesake.id, { ...replaced, node: { ...namesake, state: "retired" } });
  }
  if (known === undefined || !isSameRecord(known, record)) nodes = withEntry(nodes, request.nodeId, record);
  return nodes === state.nodes ? state : { ...state, nodes };
}

function isSameRecord(a: NodeRecord, b: NodeRecord): boolean {
  return (
    a.node === b.node &&
    a.startId === b.startId &&
    a.programVersion === b.programVersion &&
    a.maxFeatureLevel === b.maxFeatureLevel
  );
}

function isSameNode(a: TopologyNode, b: TopologyNode): boolean {
  return (Object.keys(b) as (keyof TopologyNode)[]).every((key) => a[key] === b[key]);
}
