/**
 * PikaCluster (pkc): what a user says of a cluster. The schema is the source of the type, of the static defaults
 * and (with the CRD) of validation; meanings are documented with the resource reference.
 */

import { z } from "zod";
import { API_VERSION, nameRef, objectMeta, podTemplate, quantity, secretKeyRef } from "./fields.ts";

const intOrText = z.union([z.int(), z.string().max(256), z.boolean()]);

const zoneName = z.string().min(1).max(63);
const nodes = z.strictObject({
  replicas: z.int().min(1).max(256).default(3),
  zones: z
    .array(z.strictObject({ name: zoneName }))
    .max(16)
    .default([]),
  storage: z
    .strictObject({
      size: quantity.default("10Gi"),
      storageClassName: z.string().max(253).optional(),
      onScaleIn: z.enum(["Retain", "Delete"]).default("Retain"),
    })
    .prefault({}),
  podTemplate: podTemplate.optional(),
  config: z.record(z.string().max(64), intOrText).default({}),
});

const manager = z.strictObject({
  replicas: z.union([z.literal(1), z.literal(3), z.literal(5), z.literal(7)]).default(3),
  podTemplate: podTemplate.optional(),
});

const etcd = z
  .strictObject({
    managed: z
      .strictObject({
        replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]).default(3),
        storage: z
          .strictObject({ size: quantity.default("2Gi"), storageClassName: z.string().max(253).optional() })
          .prefault({}),
        image: z.string().max(512).default(""),
        podTemplate: podTemplate.optional(),
      })
      .optional(),
    external: z
      .strictObject({
        endpoints: z.array(z.string().min(1).max(512)).min(1).max(16),
        prefix: z.string().max(256).default(""),
        tlsSecretRef: nameRef.optional(),
        authSecretRef: nameRef.optional(),
      })
      .optional(),
  })
  .refine((value) => !(value.managed && value.external), { message: "at most one of managed and external may be set" });

const tls = z.strictObject({
  mode: z.enum(["Disabled", "Preferred", "Required"]).default("Disabled"),
  secretRef: nameRef.optional(),
  certManager: z.strictObject({ issuerRef: z.record(z.string(), z.string().max(253)) }).optional(),
});

const service = z.strictObject({
  type: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]).default("ClusterIP"),
  annotations: z.record(z.string().max(317), z.string().max(4096)).optional(),
  externalTrafficPolicy: z.enum(["Cluster", "Local"]).optional(),
  announce: z.record(z.string().max(64), z.unknown()).optional(),
});

const clusterSpec = z.strictObject({
  version: z.string().max(64).default(""),
  image: z.string().max(512).default(""),
  featureLevel: z.string().max(16).default(""),
  nodes,
  manager: manager.prefault({}),
  etcd: etcd.optional(),
  auth: z.strictObject({ adminSecretRef: secretKeyRef.optional() }).optional(),
  tls: tls.prefault({}),
  service: service.prefault({}),
  placement: z
    .strictObject({
      rebalance: z.enum(["Automatic", "Manual"]).default("Automatic"),
      maxConcurrentMoves: z.int().min(1).max(64).default(2),
      bandwidthMiBps: z.int().min(1).max(10_000).default(50),
    })
    .prefault({}),
  failover: z
    .strictObject({
      mode: z.enum(["Automatic", "Manual"]).default("Automatic"),
      detectionSeconds: z.int().min(1).max(300).default(2),
    })
    .prefault({}),
  update: z
    .strictObject({ paused: z.boolean().default(false), allowInterruption: z.boolean().default(true) })
    .prefault({}),
  networkPolicy: z
    .strictObject({
      enabled: z.boolean().default(true),
      clients: z.array(z.record(z.string(), z.unknown())).max(64).optional(),
    })
    .prefault({}),
  monitoring: z
    .strictObject({
      serviceMonitor: z.boolean().default(false),
      prometheusRule: z.boolean().default(false),
      dashboard: z.boolean().default(false),
    })
    .prefault({}),
  progressDeadlineSeconds: z.int().min(10).max(86_400).default(600),
  suspend: z.boolean().default(false),
  deletionPolicy: z.enum(["Retain", "Delete"]).default("Retain"),
});

export const pikaCluster = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("PikaCluster"),
  metadata: objectMeta,
  spec: clusterSpec,
  status: z.unknown().optional(),
});

/** A PikaCluster with its defaults filled in. */
export type PikaCluster = z.infer<typeof pikaCluster>;
