/**
 * The messages of the manager's HTTP API: one schema and one type for each (docs/formats/metadata.md, "HTTP API").
 * The OpenAPI document, the server's checks and the clients' types all come from here. Additive changes only: an
 * unknown field is dropped by an older reader.
 */

import { z } from "zod";
import {
  clientRoutingSchema,
  clusterIdSchema,
  consistencySchema,
  countSchema,
  hostSchema,
  MAX_NODES,
  nodeIdSchema,
  nodeNameSchema,
  nodeStateSchema,
  passwordHashesSchema,
  portSchema,
  replicaCountSchema,
  replicaIdSchema,
  slotCountSchema,
  startIdSchema,
  tableIdSchema,
  tableNameSchema,
  urlSchema,
  zoneSchema,
} from "./schemas.ts";
import { managersSchema, topologyDocumentSchema } from "./topology-codec.ts";
import { topologyDeltaSchema } from "./topology-delta.ts";

/** What a replica's position says beside term and index. It leads, or follows the leader's tail. */
export const REPLICA_IN_SYNC = 0;
/** In the middle of a snapshot: no candidate for leadership. */
export const REPLICA_COPYING = 1;
/** Recovering after a start, or behind the leader and catching up from the log. */
export const REPLICA_CATCHING_UP = 2;

/** `[replica id, highest term, last index, state]`. */
const replicaPositionSchema = z.tuple([replicaIdSchema, countSchema, countSchema, z.int().min(0).max(2)]);
export type ReplicaPosition = z.infer<typeof replicaPositionSchema>;

/** A node holds at most every slot of its tables; the limit bounds the body. */
const MAX_POSITIONS = 200_000;
const MAX_HEARTBEAT_TABLES = 4096;

export const registerRequestSchema = z.object({
  nodeId: nodeIdSchema,
  /** New at every process start. */
  startId: startIdSchema,
  name: nodeNameSchema,
  host: hostSchema,
  peerPort: portSchema,
  httpPort: portSchema,
  announceHost: hostSchema,
  announcePort: portSchema,
  zone: zoneSchema,
  /** Version of the program. */
  programVersion: z.string().max(64),
  maxFeatureLevel: z.int().min(1),
  /** The epoch of the topology that the node has; 0 for none. */
  knownEpoch: countSchema,
  /** Every replica that it holds. */
  replicas: z.array(replicaPositionSchema).max(MAX_POSITIONS),
});
export type RegisterRequest = z.infer<typeof registerRequestSchema>;

/** What every reply to a node carries, so that it finds the managers. */
const managerListSchema = {
  managers: managersSchema,
  leaderUrl: urlSchema,
};

export const registerReplySchema = z.object({
  clusterId: clusterIdSchema,
  /** `retired`: this id is no member any more; set its data aside and join with a new id. */
  state: nodeStateSchema,
  /** The terms for this start are in the topology of this epoch and later ones. */
  epoch: countSchema,
  heartbeatMs: z.int().min(10),
  ...managerListSchema,
});
export type RegisterReply = z.infer<typeof registerReplySchema>;

const nodeLoadSchema = z.object({
  opsPerSecond: z.number().min(0),
  connectedClients: countSchema,
  memoryBytes: countSchema,
  diskBytes: countSchema,
  /** `[table id, keys, bytes]` of the slots that the node leads. */
  tables: z.array(z.tuple([tableIdSchema, countSchema, countSchema])).max(MAX_HEARTBEAT_TABLES),
});
export type NodeLoad = z.infer<typeof nodeLoadSchema>;

const peerReportSchema = z.object({
  node: nodeIdSchema,
  isReachable: z.boolean(),
  /** Since something was last heard from it. */
  silentMs: countSchema,
});
export type PeerReport = z.infer<typeof peerReportSchema>;

export const heartbeatRequestSchema = z.object({
  nodeId: nodeIdSchema,
  startId: startIdSchema,
  knownEpoch: countSchema,
  /** Whether clients are served (recovered, a topology known). */
  isReady: z.boolean(),
  /** `positions` are all, not only those that changed. */
  isFull: z.boolean(),
  positions: z.array(replicaPositionSchema).max(MAX_POSITIONS),
  load: nodeLoadSchema,
  peers: z.array(peerReportSchema).max(MAX_NODES),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

export const heartbeatReplySchema = z.object({
  epoch: countSchema,
  state: nodeStateSchema,
  /** This manager does not know this start: register again. */
  mustRegister: z.boolean(),
  /** Send all positions next time. */
  wantsFull: z.boolean(),
  /** For so long from the sending of the request the manager helps nobody to replace this node; 0: no promise. */
  grantMs: countSchema,
  ...managerListSchema,
});
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;

/** The longest wait of a long poll. */
export const MAX_POLL_MS = 30_000;

export const topologyReplySchema = z.union([
  z.object({ kind: z.literal("whole"), topology: topologyDocumentSchema }),
  z.object({ kind: z.literal("delta"), delta: topologyDeltaSchema }),
  z.object({ kind: z.literal("same"), epoch: countSchema }),
]);
export type TopologyReply = z.infer<typeof topologyReplySchema>;

/** Who wants something: the UID of an object, or any stable text. */
const intentSchema = {
  owner: z.string().min(1).max(128),
  generation: countSchema,
  /** Another owner takes over: the cluster id, to show that this cluster is meant. */
  adopt: clusterIdSchema.optional(),
};

export const clusterSpecSchema = z.object({
  /** How many nodes are expected: new tables wait for them. */
  nodes: z.int().min(1).max(256),
  adminPasswordHashes: passwordHashesSchema,
});
export type ClusterSpec = z.infer<typeof clusterSpecSchema>;

export const putClusterRequestSchema = z.object({ ...intentSchema, spec: clusterSpecSchema });
export type PutClusterRequest = z.infer<typeof putClusterRequestSchema>;

export const clusterReplySchema = z.object({
  clusterId: clusterIdSchema,
  epoch: countSchema,
  owner: z.string().nullable(),
  generation: countSchema,
  spec: clusterSpecSchema.nullable(),
});
export type ClusterReply = z.infer<typeof clusterReplySchema>;

export const tableSpecSchema = z.object({
  slots: slotCountSchema,
  /** null: min(2, nodes of the cluster). */
  replicas: replicaCountSchema.nullable(),
  consistency: consistencySchema,
  clientRouting: clientRoutingSchema,
  passwordHashes: passwordHashesSchema,
});
export type TableSpec = z.infer<typeof tableSpecSchema>;

export const putTableRequestSchema = z.object({ ...intentSchema, spec: tableSpecSchema });
export type PutTableRequest = z.infer<typeof putTableRequestSchema>;

export const deleteTableRequestSchema = z.object(intentSchema);
export type DeleteTableRequest = z.infer<typeof deleteTableRequestSchema>;

const slotCountsSchema = z.object({
  total: countSchema,
  withLeader: countSchema,
  /** Slots with fewer replicas than wanted, or with one that is not in sync. */
  underReplicated: countSchema,
  /** Slots whose only replica was on a node that is gone. */
  lost: countSchema,
});
export type SlotCounts = z.infer<typeof slotCountsSchema>;

export const tableReplySchema = z.object({
  id: tableIdSchema,
  name: tableNameSchema,
  owner: z.string(),
  generation: countSchema,
  spec: tableSpecSchema,
  /** The number of replicas that is aimed at now. */
  replicas: countSchema,
  slots: slotCountsSchema,
  keys: countSchema,
  bytes: countSchema,
  /** Every slot has a leader that was heard of lately, and every follower is in sync. */
  isReady: z.boolean(),
  /** For people: what is being waited for, what will not happen by itself. */
  notes: z.array(z.string()),
});
export type TableReply = z.infer<typeof tableReplySchema>;

export const nodeReplySchema = z.object({
  id: nodeIdSchema,
  name: nodeNameSchema,
  state: nodeStateSchema,
  zone: zoneSchema,
  host: hostSchema,
  peerPort: portSchema,
  httpPort: portSchema,
  announceHost: hostSchema,
  announcePort: portSchema,
  programVersion: z.string(),
  /** Heard of within the last few heartbeats. */
  isAlive: z.boolean(),
  isReady: z.boolean(),
  silentMs: countSchema.nullable(),
  knownEpoch: countSchema,
  leads: countSchema,
  replicas: countSchema,
  load: nodeLoadSchema.nullable(),
  /** What it says of its peers. */
  unreachablePeers: z.array(nodeIdSchema),
});
export type NodeReply = z.infer<typeof nodeReplySchema>;

export const statusReplySchema = z.object({
  clusterId: clusterIdSchema,
  epoch: countSchema,
  featureLevel: countSchema,
  leader: z.object({ id: startIdSchema, url: urlSchema }),
  managers: managersSchema,
  nodes: z.object({ desired: countSchema, registered: countSchema, alive: countSchema, ready: countSchema }),
  tables: z.object({ total: countSchema, ready: countSchema }),
  slots: slotCountsSchema,
  /** All expected nodes are ready, and so is every table. */
  isReady: z.boolean(),
  notes: z.array(z.string()),
});
export type StatusReply = z.infer<typeof statusReplySchema>;

export const restartSafetyReplySchema = z.object({
  isSafe: z.boolean(),
  /** Slots that would have no leader, with the reason, at most 100 of them. */
  blockers: z.array(z.object({ table: tableNameSchema, slot: countSchema, reason: z.string() })),
  blockerCount: countSchema,
});
export type RestartSafetyReply = z.infer<typeof restartSafetyReplySchema>;

/** An imperative step: done only while the cluster is at the epoch that the caller decided on. */
export const nodeStepRequestSchema = z.object({ expectedEpoch: countSchema });

export const moveSlotRequestSchema = z.object({ expectedEpoch: countSchema, from: nodeIdSchema, to: nodeIdSchema });

/** `to` absent: the follower that has most. */
export const failoverRequestSchema = z.object({ expectedEpoch: countSchema, to: nodeIdSchema.optional() });

export const errorReplySchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), path: z.string().optional() }),
});
export type ErrorReply = z.infer<typeof errorReplySchema>;
