/**
 * The JSON values of the metadata (docs/formats/metadata.md, "Keys"): `{schema, version, …}` each, and all of them
 * together as a ClusterState. Refuses a schema or version that it does not know, and names key and path of any fault.
 */

import { z } from "zod";
import { OperatingError } from "../../../node/base/errors.ts";
import { decodeAssignment } from "../../../node/meta/assignment-codec.ts";
import { decodeJson } from "../../../node/meta/decode.ts";
import type { ClusterId, NodeId, TableId } from "../../../node/meta/ids.ts";
import { clusterSpecSchema, tableSpecSchema } from "../../../node/meta/manager-api.ts";
import { clusterIdSchema, countSchema, startIdSchema, urlSchema } from "../../../node/meta/schemas.ts";
import type { SlotAssignment } from "../../../node/meta/topology.ts";
import { topologyNodeSchema, topologyTableSchema } from "../../../node/meta/topology-codec.ts";
import type { ClusterState, Counters, NodeRecord, Settings, TableRecord } from "../core/cluster-state.ts";
import type { MetadataKeys } from "./keys.ts";
import type { MetadataEntry } from "./metadata-store.ts";

const VERSION = 1;
const envelope = <N extends string, S extends z.ZodRawShape>(schema: N, shape: S) =>
  z.object({ schema: z.literal(schema), version: z.literal(VERSION), ...shape });

const clusterRecord = envelope("cluster", { clusterId: clusterIdSchema, createdMs: countSchema });
const epochRecord = envelope("epoch", { epoch: countSchema });
const countersRecord = envelope("counters", { nextTableId: countSchema, nextReplicaId: countSchema });
const settingsRecord = envelope("settings", {
  featureLevel: z.int().min(1),
  desired: z.object({ owner: z.string(), generation: countSchema, spec: clusterSpecSchema }).nullable(),
});
const nodeRecord = envelope("node", {
  node: topologyNodeSchema,
  startId: startIdSchema,
  programVersion: z.string(),
  maxFeatureLevel: z.int().min(1),
});
const tableRecord = envelope("table", {
  owner: z.string(),
  generation: countSchema,
  createdMs: countSchema,
  table: topologyTableSchema,
  spec: tableSpecSchema,
});
const managerRecord = envelope("manager", { id: startIdSchema, url: urlSchema });

/** A manager's entry: who it is and where it listens. */
export interface ManagerAddress {
  readonly id: string;
  readonly url: string;
}

function encode(schema: string, fields: object): Buffer {
  return Buffer.from(JSON.stringify({ schema, version: VERSION, ...fields }));
}

function decode<T>(schema: z.ZodType<T>, entry: MetadataEntry): T {
  const decoded = decodeJson(schema, entry.value.toString("utf8"));
  if (decoded.ok) return decoded.value;
  const where = decoded.path === "" ? "" : `, ${decoded.path}`;
  throw new OperatingError("BadRecord", `metadata key ${entry.key}${where}: ${decoded.message}`, {
    data: { key: entry.key, path: decoded.path },
  });
}

export function encodeCluster(clusterId: ClusterId, createdMs: number): Buffer {
  return encode("cluster", { clusterId, createdMs });
}

export function decodeCluster(entry: MetadataEntry): ClusterId {
  return decode(clusterRecord, entry).clusterId;
}

export function encodeEpoch(epoch: number): Buffer {
  return encode("epoch", { epoch });
}

export function encodeCounters(counters: Counters): Buffer {
  return encode("counters", counters);
}

export function encodeSettings(settings: Settings): Buffer {
  return encode("settings", { featureLevel: settings.featureLevel, desired: settings.desired ?? null });
}

export function encodeNode(record: NodeRecord): Buffer {
  return encode("node", record);
}

export function encodeTable(record: TableRecord): Buffer {
  return encode("table", record);
}

export function encodeManager(address: ManagerAddress): Buffer {
  return encode("manager", address);
}

export function decodeManager(entry: MetadataEntry): ManagerAddress {
  const { id, url } = decode(managerRecord, entry);
  return { id, url };
}

/**
 * The state that a listing of all keys holds.
 * @throws OperatingError `BadRecord` or `BadAssignment` that names the key.
 */
export function decodeState(keys: MetadataKeys, entries: readonly MetadataEntry[]): ClusterState {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const one = <T>(schema: z.ZodType<T>, key: string): T => {
    const entry = byKey.get(key);
    if (entry === undefined) throw new OperatingError("BadRecord", `metadata key ${key} is missing`, { data: { key } });
    return decode(schema, entry);
  };
  const under = (prefix: string) => entries.filter(({ key }) => key.startsWith(prefix));
  const settings = one(settingsRecord, keys.settings);
  const counters = one(countersRecord, keys.counters);
  const nodes = new Map<NodeId, NodeRecord>();
  for (const entry of under(keys.nodes)) {
    const { node, startId, programVersion, maxFeatureLevel } = decode(nodeRecord, entry);
    nodes.set(node.id, { node, startId, programVersion, maxFeatureLevel });
  }
  const tables = new Map<TableId, TableRecord>();
  for (const entry of under(keys.tables)) {
    const { owner, generation, createdMs, table, spec } = decode(tableRecord, entry);
    tables.set(table.id, { owner, generation, createdMs, table, spec });
  }
  const assignments = new Map<TableId, readonly SlotAssignment[]>();
  for (const id of tables.keys()) {
    const entry = byKey.get(keys.assignment(id));
    if (entry !== undefined) assignments.set(id, decodeAssignment(entry.value, entry.key));
  }
  return {
    clusterId: one(clusterRecord, keys.cluster).clusterId,
    epoch: one(epochRecord, keys.epoch).epoch,
    counters: { nextTableId: counters.nextTableId, nextReplicaId: counters.nextReplicaId },
    settings: { featureLevel: settings.featureLevel, desired: settings.desired ?? undefined },
    nodes,
    tables,
    assignments,
  };
}
