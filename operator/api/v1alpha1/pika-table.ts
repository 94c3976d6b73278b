/**
 * PikaTable (pkt): a named, isolated keyspace of a cluster. The schema is the source of the type, of the static defaults
 * and of the CRD; field descriptions go into it. What it says beyond types is in table-rules.ts.
 */

import { z } from "zod";
import {
  API_VERSION,
  ATOMIC_LIST,
  nameRef,
  objectMeta,
  quantity,
  resourceName,
  secretKeyRef,
  withRules,
} from "./fields.ts";
import { TABLE_SPEC_RULES } from "./table-rules.ts";

/** 1, 2, 4 … 16384. */
const SLOT_COUNTS = Array.from({ length: 15 }, (_, power) => 2 ** power);

const tableName = resourceName.refine((name) => name !== "admin", {
  message: "may not be 'admin': AUTH admin is the administrator",
});

/** `spec` of a PikaTable. */
export const tableSpec = z
  .strictObject({
    clusterRef: nameRef.describe("The PikaCluster that it is in."),
    tableName: z
      .union([z.literal(""), tableName])
      .default("")
      .describe("Name in the cluster, which clients use in AUTH; empty: metadata.name."),
    slots: z
      .int()
      .refine((count) => SLOT_COUNTS.includes(count), { message: "must be a power of two from 1 to 16384" })
      .meta({ enum: SLOT_COUNTS })
      .default(64)
      .describe("Number of slots, a power of two. A table of one slot behaves as one Redis."),
    replicas: z
      .int()
      .min(1)
      .max(7)
      .optional()
      .describe("Replicas of each slot, the leader included; absent: two, or one where there is one node."),
    consistency: z
      .enum(["Asynchronous", "Consistent"])
      .default("Asynchronous")
      .describe("Whether a write is answered before or after a majority of replicas has it."),
    distribution: z.enum(["Hash"]).default("Hash").describe("How keys are spread over slots."),
    passwordSecretRef: secretKeyRef.optional().describe("Password of the table; absent: none is needed."),
    clientRouting: z
      .enum(["Forward", "Redirect"])
      .default("Forward")
      .describe("Whether a node forwards what another one leads, or redirects the client as Redis Cluster does."),
    quota: z
      .strictObject({
        maxBytes: quantity.optional().describe("Bytes of keys and values."),
        maxOpsPerSecond: z.int().min(1).optional().describe("Commands a second."),
      })
      .optional()
      .describe("Limits of the table."),
    placement: z
      .strictObject({
        zones: z.array(z.string().max(63)).max(16).meta(ATOMIC_LIST).optional().describe("Zones that may hold it."),
        nodes: z.array(z.string().max(63)).max(256).meta(ATOMIC_LIST).optional().describe("Nodes that may hold it."),
      })
      .optional()
      .describe("Where its slots may be; absent: anywhere."),
    deletionPolicy: z
      .enum(["Retain", "Delete"])
      .default("Retain")
      .describe("What becomes of the data when the PikaTable is deleted."),
  })
  .meta(withRules(TABLE_SPEC_RULES))
  .describe("What the table should be.");

export const pikaTable = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal("PikaTable"),
    metadata: objectMeta,
    spec: tableSpec,
    status: z.unknown().optional(),
  })
  .refine((table) => table.spec.tableName !== "" || table.metadata.name !== "admin", {
    message: "may not be 'admin': AUTH admin is the administrator",
    path: ["metadata", "name"],
  });

/** A PikaTable with its defaults filled in. */
export type PikaTable = z.infer<typeof pikaTable>;

/** The table's name in the cluster. */
export function nameOfTable(table: PikaTable): string {
  return table.spec.tableName === "" ? table.metadata.name : table.spec.tableName;
}
