/**
 * Schemas of what the topology document, the manager's API and the manager's records share.
 * Every text, list and number has a limit; what is over it is refused with its path.
 */

import { z } from "zod";
import { MAX_REPLICAS, REPLICA_ID_LIMIT } from "./assignment-codec.ts";
import type { ClusterId, NodeId, ReplicaId, TableId } from "./ids.ts";
import { isSlotCount } from "./slot.ts";

const HEX_128 = /^[0-9a-f]{32}$/;

export const clusterIdSchema = z
  .string()
  .regex(HEX_128, "must be 32 lower-case hex digits") as unknown as z.ZodType<ClusterId>;
export const nodeIdSchema = z
  .string()
  .regex(HEX_128, "must be 32 lower-case hex digits") as unknown as z.ZodType<NodeId>;
export const startIdSchema = z.string().regex(HEX_128, "must be 32 lower-case hex digits");
export const tableIdSchema = z.int().min(1).max(0xffffffff) as unknown as z.ZodType<TableId>;
export const replicaIdSchema = z
  .int()
  .min(1)
  .max(REPLICA_ID_LIMIT - 1) as unknown as z.ZodType<ReplicaId>;

/** Epochs, terms, indices, generations: whole, from 0. */
export const countSchema = z.int().min(0);
export const portSchema = z.int().min(1).max(65535);
/** RFC 1035-like names of nodes, zones and hosts; addresses too. */
export const hostSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[0-9A-Za-z.:_[\]-]+$/, "must be a host name or an address");
export const nodeNameSchema = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?$/, "must be letters, digits, '.', '_' and '-'");
export const zoneSchema = z.string().max(63);
export const urlSchema = z
  .string()
  .max(512)
  .regex(/^https?:\/\/[^\s/]+$/, "must be like http://host:port");
/** `admin` is the administrator's user name, so no table may have it. */
export const tableNameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?$/, "must be letters, digits, '.', '_' and '-'")
  .refine((name) => name !== "admin", "'admin' is reserved for the administrator");
export const slotCountSchema = z.int().refine(isSlotCount, "must be a power of two from 1 to 16384");
export const replicaCountSchema = z.int().min(1).max(MAX_REPLICAS);
/** SHA-256 of each accepted password: one, or two during a rotation; the limit leaves room for an overlap. */
export const passwordHashesSchema = z
  .array(z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"))
  .max(4);
export const consistencySchema = z.enum(["Asynchronous", "Consistent"]);
export const clientRoutingSchema = z.enum(["Forward", "Redirect"]);
export const nodeStateSchema = z.enum(["active", "draining", "retired"]);
/** A cluster has at most 256 nodes; retired ones that still hold a lost replica come on top. */
export const MAX_NODES = 1024;
export const MAX_TABLES = 4096;
export const MAX_MANAGERS = 16;
