/**
 * The topology as a document (JSON, docs/formats/metadata.md "The topology document"): what nodes are sent and keep.
 * Invariants of what `decodeTopology` gives: every replica's node is among the nodes, every table has exactly its
 * number of slots, no slot has two replicas on one node. What breaks them is refused as a whole, with its path.
 */

import { z } from "zod";
import { OperatingError } from "../base/errors.ts";
import { decodeAssignment, encodeAssignment } from "./assignment-codec.ts";
import { type Decoded, decodeWith } from "./decode.ts";
import { type NodeId, type TableId, tableId } from "./ids.ts";
import {
  clientRoutingSchema,
  clusterIdSchema,
  consistencySchema,
  countSchema,
  hostSchema,
  MAX_MANAGERS,
  MAX_NODES,
  MAX_TABLES,
  nodeIdSchema,
  nodeNameSchema,
  nodeStateSchema,
  passwordHashesSchema,
  portSchema,
  replicaCountSchema,
  slotCountSchema,
  tableIdSchema,
  tableNameSchema,
  urlSchema,
  zoneSchema,
} from "./schemas.ts";
import type { SlotAssignment, Topology, TopologyNode, TopologyTable } from "./topology.ts";

export const topologyNodeSchema = z.object({
  id: nodeIdSchema,
  name: nodeNameSchema,
  host: hostSchema,
  peerPort: portSchema,
  httpPort: portSchema,
  announceHost: hostSchema,
  announcePort: portSchema,
  zone: zoneSchema,
  state: nodeStateSchema,
}) satisfies z.ZodType<TopologyNode>;

export const topologyTableSchema = z.object({
  id: tableIdSchema,
  name: tableNameSchema,
  slots: slotCountSchema,
  replicas: replicaCountSchema,
  consistency: consistencySchema,
  clientRouting: clientRoutingSchema,
  hashSeed: z.string().regex(/^[0-9a-f]{16}$/, "must be 16 lower-case hex digits"),
  passwordHashes: passwordHashesSchema,
}) satisfies z.ZodType<TopologyTable>;

/** 16,384 slots × 15 replicas of the longest form, in base64. */
export const assignmentTextSchema = z.base64().max(4 * 1024 * 1024);
export const managersSchema = z.array(urlSchema).max(MAX_MANAGERS);

export const topologyDocumentSchema = z.object({
  schema: z.literal("topology"),
  version: z.literal(1),
  clusterId: clusterIdSchema,
  epoch: countSchema,
  featureLevel: z.int().min(1),
  managers: managersSchema,
  adminPasswordHashes: passwordHashesSchema,
  nodes: z.array(topologyNodeSchema).max(MAX_NODES),
  tables: z.array(topologyTableSchema).max(MAX_TABLES),
  assignments: z.record(z.string().regex(/^[1-9][0-9]{0,9}$/), assignmentTextSchema),
});

export type TopologyDocument = z.infer<typeof topologyDocumentSchema>;

/** The document of a topology: nodes and tables by id. */
export function encodeTopology(topology: Topology): TopologyDocument {
  const assignments: Record<string, string> = {};
  for (const [table, slots] of topology.assignments) assignments[table] = encodeAssignment(slots).toString("base64");
  return {
    schema: "topology",
    version: 1,
    clusterId: topology.clusterId,
    epoch: topology.epoch,
    featureLevel: topology.featureLevel,
    managers: [...topology.managers],
    adminPasswordHashes: [...topology.adminPasswordHashes],
    nodes: sortById([...topology.nodes.values()]),
    tables: sortById([...topology.tables.values()]).map(copyTable),
    assignments,
  };
}

/** Elements by id, in order. */
export function sortById<T extends { readonly id: string | number }>(elements: readonly T[]): T[] {
  return elements.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

export function copyTable(table: TopologyTable): TopologyTable & { passwordHashes: string[] } {
  return { ...table, passwordHashes: [...table.passwordHashes] };
}

/** A topology from data of outside. Never throws on bad data. */
export function decodeTopology(data: unknown): Decoded<Topology> {
  const decoded = decodeWith(topologyDocumentSchema, data);
  if (!decoded.ok) return decoded;
  const document = decoded.value;
  const assignments = new Map<TableId, readonly SlotAssignment[]>();
  for (const [id, text] of Object.entries(document.assignments)) {
    const slots = decodeSlots(text, `assignments.${id}`);
    if (!slots.ok) return slots;
    assignments.set(tableId(Number(id)), slots.value);
  }
  const topology: Topology = {
    clusterId: document.clusterId,
    epoch: document.epoch,
    nodes: new Map(document.nodes.map((node) => [node.id, node])),
    tables: new Map(document.tables.map((table) => [table.id, table])),
    assignments,
    adminPasswordHashes: document.adminPasswordHashes,
    featureLevel: document.featureLevel,
    managers: document.managers,
  };
  return checkTopology(topology);
}

/** The slots of a value in base64. */
export function decodeSlots(text: string, path: string): Decoded<readonly SlotAssignment[]> {
  try {
    return { ok: true, value: decodeAssignment(Buffer.from(text, "base64"), path) };
  } catch (error) {
    if (error instanceof OperatingError) return { ok: false, path, message: error.message };
    throw error;
  }
}

/**
 * Whether the parts of a topology agree with one another.
 * @param tables the assignments that must be checked; all when absent.
 */
export function checkTopology(topology: Topology, tables?: ReadonlySet<TableId>): Decoded<Topology> {
  for (const [table, slots] of topology.assignments) {
    if (tables !== undefined && !tables.has(table)) continue;
    const path = `assignments.${table}`;
    const wanted = topology.tables.get(table)?.slots;
    if (wanted === undefined) return { ok: false, path, message: "is of a table that is not there" };
    if (slots.length !== wanted) return { ok: false, path, message: `has ${slots.length} slots, the table ${wanted}` };
    for (const [slot, assignment] of slots.entries()) {
      const fault = faultOfSlot(assignment, topology.nodes);
      if (fault !== undefined) return { ok: false, path: `${path}.${slot}`, message: fault };
    }
  }
  return { ok: true, value: topology };
}

function faultOfSlot(slot: SlotAssignment, nodes: ReadonlyMap<NodeId, TopologyNode>): string | undefined {
  if (slot.leader >= slot.replicas.length) return `leader ${slot.leader} of ${slot.replicas.length} replicas`;
  for (let i = 0; i < slot.replicas.length; i++) {
    const node = slot.replicas[i]?.node as NodeId;
    if (!nodes.has(node)) return `replica on node ${node}, which is not there`;
    for (let j = 0; j < i; j++) if (slot.replicas[j]?.node === node) return `two replicas on node ${node}`;
  }
  return undefined;
}
