/**
 * PikaTable (pkt): a named, isolated keyspace of a cluster. The schema is the source of the type and the static defaults.
 */

import { z } from "zod";
import { API_VERSION, nameRef, objectMeta, quantity, resourceName, secretKeyRef } from "./fields.ts";

/** 1, 2, 4 … 16384. */
const SLOT_COUNTS = Array.from({ length: 15 }, (_, power) => 2 ** power);

const tableName = resourceName.refine((name) => name !== "admin", {
  message: "may not be 'admin': AUTH admin is the administrator",
});

const tableSpec = z.strictObject({
  clusterRef: nameRef,
  tableName: z.union([z.literal(""), tableName]).default(""),
  slots: z
    .int()
    .refine((count) => SLOT_COUNTS.includes(count), { message: "must be a power of two from 1 to 16384" })
    .default(64),
  replicas: z.int().min(1).max(7).optional(),
  consistency: z.enum(["Asynchronous", "Consistent"]).default("Asynchronous"),
  distribution: z.enum(["Hash"]).default("Hash"),
  passwordSecretRef: secretKeyRef.optional(),
  clientRouting: z.enum(["Forward", "Redirect"]).default("Forward"),
  quota: z.strictObject({ maxBytes: quantity.optional(), maxOpsPerSecond: z.int().min(1).optional() }).optional(),
  placement: z
    .strictObject({
      zones: z.array(z.string().max(63)).max(16).optional(),
      nodes: z.array(z.string().max(63)).max(256).optional(),
    })
    .optional(),
  deletionPolicy: z.enum(["Retain", "Delete"]).default("Retain"),
});

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
