/**
 * What changed between two epochs (docs/formats/metadata.md): made by the manager, applied by nodes.
 * Invariant: apply(from, diff(from, to)) equals to. `diffTopology` compares by identity first, so whoever makes a new
 * topology keeps the objects that did not change.
 * Refuses a delta of another cluster or from another epoch than the one it is applied to.
 */

import { z } from "zod";
import { encodeAssignment, MAX_REPLICAS } from "./assignment-codec.ts";
import { type Decoded, decodeWith } from "./decode.ts";
import type { NodeId, TableId } from "./ids.ts";
import {
  clusterIdSchema,
  countSchema,
  MAX_NODES,
  MAX_TABLES,
  nodeIdSchema,
  passwordHashesSchema,
  replicaIdSchema,
  tableIdSchema,
} from "./schemas.ts";
import type { SlotAssignment, Topology, TopologyNode, TopologyTable } from "./topology.ts";
import {
  assignmentTextSchema,
  checkTopology,
  copyTable,
  decodeSlots,
  managersSchema,
  sortById,
  topologyNodeSchema,
  topologyTableSchema,
} from "./topology-codec.ts";

const slotChangeSchema = z.tuple([
  z.int().min(0).max(16383),
  countSchema,
  z
    .int()
    .min(-1)
    .max(MAX_REPLICAS - 1),
  z.array(z.tuple([replicaIdSchema, nodeIdSchema])).max(MAX_REPLICAS),
]);

export const topologyDeltaSchema = z.object({
  schema: z.literal("topology-delta"),
  version: z.literal(1),
  clusterId: clusterIdSchema,
  from: countSchema,
  epoch: countSchema,
  featureLevel: z.int().min(1).optional(),
  managers: managersSchema.optional(),
  adminPasswordHashes: passwordHashesSchema.optional(),
  nodes: z.array(topologyNodeSchema).max(MAX_NODES).optional(),
  removedNodes: z.array(nodeIdSchema).max(MAX_NODES).optional(),
  tables: z.array(topologyTableSchema).max(MAX_TABLES).optional(),
  removedTables: z.array(tableIdSchema).max(MAX_TABLES).optional(),
  assignments: z
    .record(
      z.string().regex(/^[1-9][0-9]{0,9}$/),
      z.union([z.object({ slots: z.array(slotChangeSchema).max(16384) }), z.object({ whole: assignmentTextSchema })]),
    )
    .optional(),
});

export type TopologyDelta = z.infer<typeof topologyDeltaSchema>;
type AssignmentChange = NonNullable<TopologyDelta["assignments"]>[string];

/** Above this share of changed slots the whole value is shorter than the list. */
const WHOLE_ABOVE_SHARE = 1 / 8;

/** What takes a node from `from` to `to`, both of one cluster. */
export function diffTopology(from: Topology, to: Topology): TopologyDelta {
  const delta: TopologyDelta = {
    schema: "topology-delta",
    version: 1,
    clusterId: to.clusterId,
    from: from.epoch,
    epoch: to.epoch,
  };
  if (from.featureLevel !== to.featureLevel) delta.featureLevel = to.featureLevel;
  if (!isSameList(from.managers, to.managers)) delta.managers = [...to.managers];
  if (!isSameList(from.adminPasswordHashes, to.adminPasswordHashes)) {
    delta.adminPasswordHashes = [...to.adminPasswordHashes];
  }
  const nodes = changedValues(from.nodes, to.nodes, isSameNode);
  if (nodes.length > 0) delta.nodes = sortById(nodes);
  const removedNodes = [...from.nodes.keys()].filter((id) => !to.nodes.has(id));
  if (removedNodes.length > 0) delta.removedNodes = removedNodes.toSorted();
  const tables = changedValues(from.tables, to.tables, isSameTable);
  if (tables.length > 0) delta.tables = sortById(tables).map(copyTable);
  const removedTables = [...from.tables.keys()].filter((id) => !to.tables.has(id));
  if (removedTables.length > 0) delta.removedTables = removedTables.toSorted((a, b) => a - b);
  const assignments = diffAssignments(from, to);
  if (Object.keys(assignments).length > 0) delta.assignments = assignments;
  return delta;
}

function diffAssignments(from: Topology, to: Topology): Record<string, AssignmentChange> {
  const changes: Record<string, AssignmentChange> = {};
  for (const [table, slots] of to.assignments) {
    const before = from.assignments.get(table);
    if (before === slots) continue;
    if (before === undefined || before.length !== slots.length) {
      changes[table] = { whole: encodeAssignment(slots).toString("base64") };
      continue;
    }
    const changed: z.infer<typeof slotChangeSchema>[] = [];
    for (const [slot, assignment] of slots.entries()) {
      if (isSameSlot(before[slot], assignment)) continue;
      const replicas = assignment.replicas.map(({ id, node }): [typeof id, NodeId] => [id, node]);
      changed.push([slot, assignment.term, assignment.leader, replicas]);
    }
    if (changed.length > Math.max(1, slots.length * WHOLE_ABOVE_SHARE)) {
      changes[table] = { whole: encodeAssignment(slots).toString("base64") };
    } else if (changed.length > 0) {
      changes[table] = { slots: changed };
    }
  }
  return changes;
}

/** The topology that a delta leads to. Never throws on bad data: the caller asks for the whole instead. */
export function applyDelta(from: Topology, data: unknown): Decoded<Topology> {
  const decoded = decodeWith(topologyDeltaSchema, data);
  if (!decoded.ok) return decoded;
  const delta = decoded.value;
  if (delta.clusterId !== from.clusterId) {
    return { ok: false, path: "clusterId", message: `is ${delta.clusterId}, this node is of ${from.clusterId}` };
  }
  if (delta.from !== from.epoch || delta.epoch < delta.from) {
    return {
      ok: false,
      path: "from",
      message: `is epoch ${delta.from} to ${delta.epoch}, this node has ${from.epoch}`,
    };
  }
  const nodes = new Map(from.nodes);
  for (const id of delta.removedNodes ?? []) nodes.delete(id);
  for (const node of delta.nodes ?? []) nodes.set(node.id, node);
  const tables = new Map(from.tables);
  const assignments = new Map(from.assignments);
  for (const id of delta.removedTables ?? []) {
    tables.delete(id);
    assignments.delete(id);
  }
  for (const table of delta.tables ?? []) tables.set(table.id, table);
  for (const [id, change] of Object.entries(delta.assignments ?? {})) {
    const table = Number(id) as TableId;
    const slots = applyChange(assignments.get(table), change, `assignments.${id}`);
    if (!slots.ok) return slots;
    assignments.set(table, slots.value);
  }
  const topology: Topology = {
    clusterId: from.clusterId,
    epoch: delta.epoch,
    nodes,
    tables,
    assignments,
    adminPasswordHashes: delta.adminPasswordHashes ?? from.adminPasswordHashes,
    featureLevel: delta.featureLevel ?? from.featureLevel,
    managers: delta.managers ?? from.managers,
  };
  // A large cluster changes in a few slots at a time; what was right before stays so unless nodes went.
  if (delta.removedNodes !== undefined) return checkTopology(topology);
  const changed = [...Object.keys(delta.assignments ?? {}).map(Number), ...(delta.tables ?? []).map(({ id }) => id)];
  return checkTopology(topology, new Set(changed as TableId[]));
}

function applyChange(
  before: readonly SlotAssignment[] | undefined,
  change: AssignmentChange,
  path: string,
): Decoded<readonly SlotAssignment[]> {
  if ("whole" in change) return decodeSlots(change.whole, path);
  if (before === undefined) return { ok: false, path, message: "changes slots of a table that has no assignment" };
  const slots = [...before];
  for (const [slot, term, leader, replicas] of change.slots) {
    if (slot >= slots.length) return { ok: false, path, message: `slot ${slot} of ${slots.length}` };
    slots[slot] = { term, leader, replicas: replicas.map(([id, node]) => ({ id, node })) };
  }
  return { ok: true, value: slots };
}

function changedValues<K, V>(from: ReadonlyMap<K, V>, to: ReadonlyMap<K, V>, isSame: (a: V, b: V) => boolean): V[] {
  const changed: V[] = [];
  for (const [key, value] of to) {
    const before = from.get(key);
    if (before === undefined || (before !== value && !isSame(before, value))) changed.push(value);
  }
  return changed;
}

function isSameNode(a: TopologyNode, b: TopologyNode): boolean {
  return (
    a.name === b.name &&
    a.host === b.host &&
    a.peerPort === b.peerPort &&
    a.httpPort === b.httpPort &&
    a.announceHost === b.announceHost &&
    a.announcePort === b.announcePort &&
    a.zone === b.zone &&
    a.state === b.state
  );
}

function isSameTable(a: TopologyTable, b: TopologyTable): boolean {
  return (
    a.name === b.name &&
    a.slots === b.slots &&
    a.replicas === b.replicas &&
    a.consistency === b.consistency &&
    a.clientRouting === b.clientRouting &&
    a.hashSeed === b.hashSeed &&
    isSameList(a.passwordHashes, b.passwordHashes)
  );
}

function isSameSlot(a: SlotAssignment | undefined, b: SlotAssignment): boolean {
  if (a === b) return true;
  if (a === undefined || a.term !== b.term || a.leader !== b.leader) return false;
  if (a.replicas.length !== b.replicas.length) return false;
  return a.replicas.every((replica, i) => replica.id === b.replicas[i]?.id && replica.node === b.replicas[i]?.node);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((element, i) => element === b[i]);
}
