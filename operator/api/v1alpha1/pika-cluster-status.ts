/** `status` of a PikaCluster: what the operator saw last. Holds what changes by events; rates are metrics. */

import { z } from "zod";
import { conditions, slotCounts } from "./conditions.ts";
import { listMap } from "./fields.ts";

const zoneStatus = z.strictObject({
  name: z.string().max(63).describe("Name of the zone."),
  nodes: z.int().min(0).optional().describe("Nodes that are members there."),
  ready: z.int().min(0).optional().describe("Of them, those that are ready."),
});

const nodeCounts = z
  .strictObject({
    desired: z.int().min(0).optional().describe("Nodes that the spec asks for."),
    current: z.int().min(0).optional().describe("Nodes that are members, ready or not."),
    ready: z.int().min(0).optional().describe("Nodes that are ready."),
    updated: z.int().min(0).optional().describe("Nodes that run the wanted revision."),
    summary: z.string().max(32).optional().describe("Ready nodes of the desired ones, such as 3/3."),
    zones: z.array(zoneStatus).max(16).meta(listMap("name")).optional().describe("The same, zone by zone."),
  })
  .describe("Counts of storage nodes.");

export const clusterStatus = z
  .strictObject({
    observedGeneration: z.int().min(0).optional().describe("Generation of the spec that this status is about."),
    version: z.string().max(64).optional().describe("Version of Pika that the cluster runs or is going to."),
    featureLevel: z.string().max(16).optional().describe("Feature level of the cluster."),
    clusterID: z.string().max(64).optional().describe("Identity of the cluster, also on its volumes and in etcd."),
    selector: z.string().max(1024).optional().describe("Label selector of the node pods, for autoscalers."),
    managerLeader: z.string().max(253).optional().describe("The manager that leads."),
    epoch: z.int().min(0).optional().describe("Version of the assignment of slots."),
    nodes: nodeCounts.optional(),
    tables: z
      .strictObject({
        total: z.int().min(0).optional().describe("Tables that there are."),
        ready: z.int().min(0).optional().describe("Tables that are ready."),
      })
      .optional()
      .describe("Counts of tables."),
    slots: slotCounts.optional(),
    move: z
      .strictObject({ percent: z.int().min(0).max(100).optional().describe("In steps of five.") })
      .optional()
      .describe("Progress of slots that move."),
    storageBytes: z.int().min(0).meta({ format: "int64" }).optional().describe("Bytes stored, to two digits."),
    tls: z
      .strictObject({
        notAfter: z.iso.datetime().meta({ format: "date-time" }).optional().describe("When the certificate ends."),
      })
      .optional()
      .describe("The clients' certificate."),
    conditions: conditions.optional(),
  })
  .describe("What the operator saw last.");
