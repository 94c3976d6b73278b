/**
 * PikaCluster (pkc): what a user says of a cluster. The schema is the source of the type, of the static defaults
 * and of the CRD; field descriptions go into it. What it says beyond types is in cluster-rules.ts.
 */

import { z } from "zod";
import { CLUSTER_SPEC_RULES, ETCD_RULES, TLS_RULES } from "./cluster-rules.ts";
import {
  API_VERSION,
  ATOMIC_LIST,
  boundedMap,
  listMap,
  nameRef,
  objectMeta,
  quantity,
  secretKeyRef,
  withRules,
} from "./fields.ts";
import { podTemplate } from "./pod-template.ts";

const storageClassName = z
  .string()
  .max(253)
  .optional()
  .describe("StorageClass of the volumes; absent, the default one of the Kubernetes cluster.");

const zone = z.strictObject({
  name: z.string().min(1).max(63).describe("Value of the label topology.kubernetes.io/zone of its Kubernetes nodes."),
});

const nodes = z
  .strictObject({
    replicas: z.int().min(1).max(256).default(3).describe("Number of storage nodes."),
    zones: z
      .array(zone)
      .max(16)
      .meta(listMap("name"))
      .default([])
      .describe("Zones over which nodes are spread, one StatefulSet each; none: one StatefulSet for all."),
    storage: z
      .strictObject({
        size: quantity.default("10Gi").describe("Size of each node's volume; it can only grow."),
        storageClassName,
        onScaleIn: z
          .enum(["Retain", "Delete"])
          .default("Retain")
          .describe("What becomes of the volume of a node that was removed, once it holds nothing any more."),
      })
      .prefault({})
      .describe("The volume of each node."),
    podTemplate: podTemplate.optional(),
    config: boundedMap(z.union([z.int(), z.string().max(256)]), 64)
      .default({})
      .describe("Options of the nodes by name, such as cacheBytes; live ones take effect without a restart."),
  })
  .describe("The storage nodes.");

const manager = z
  .strictObject({
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5), z.literal(7)])
      .default(3)
      .describe("Number of managers; one leads, the others stand by."),
    podTemplate: podTemplate.optional(),
  })
  .describe("The managers, which place slots and watch nodes.");

const managedEtcd = z
  .strictObject({
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5)])
      .default(3)
      .describe("Number of members, fixed when the cluster is created."),
    storage: z
      .strictObject({ size: quantity.default("2Gi").describe("Size of each member's volume."), storageClassName })
      .prefault({})
      .describe("The volume of each member."),
    image: z.string().max(512).default("").describe("Image of etcd; empty: the operator's choice."),
    podTemplate: podTemplate.optional(),
  })
  .describe("An etcd that the operator runs.");

const externalEtcd = z
  .strictObject({
    endpoints: z
      .array(z.string().min(1).max(512))
      .min(1)
      .max(16)
      .meta(ATOMIC_LIST)
      .describe("URLs of the members, such as https://etcd-0.example:2379."),
    prefix: z.string().max(256).default("").describe("Prefix of all keys; empty: /pika/<namespace>/<name>."),
    tlsSecretRef: nameRef.optional().describe("Secret with ca.crt and, for a client certificate, tls.crt and tls.key."),
    authSecretRef: nameRef.optional().describe("Secret with username and password."),
  })
  .describe("An etcd that somebody else runs.");

const etcd = z
  .strictObject({ managed: managedEtcd.optional(), external: externalEtcd.optional() })
  .refine((value) => !(value.managed && value.external), { message: "at most one of managed and external may be set" })
  .meta(withRules(ETCD_RULES))
  .describe("Where the metadata is; absent, an etcd of three members that the operator runs.");

const tls = z
  .strictObject({
    mode: z
      .enum(["Disabled", "Preferred", "Required"])
      .default("Disabled")
      .describe("Whether clients may or must use TLS. Links within the cluster always do."),
    secretRef: nameRef.optional().describe("Secret with tls.crt, tls.key and ca.crt."),
    certManager: z
      .strictObject({
        issuerRef: z.strictObject({
          name: z.string().min(1).max(253).describe("Name of the issuer."),
          kind: z.enum(["Issuer", "ClusterIssuer"]).default("Issuer").describe("Kind of the issuer."),
          group: z.string().max(253).default("cert-manager.io").describe("API group of the issuer."),
        }),
      })
      .optional()
      .describe("Have cert-manager issue the certificate."),
  })
  .meta(withRules(TLS_RULES))
  .describe("Encryption between clients and nodes.");

const service = z
  .strictObject({
    type: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]).default("ClusterIP").describe("Type of the Service."),
    annotations: boundedMap(z.string().max(4096), 64).optional().describe("Annotations of the Service."),
    externalTrafficPolicy: z.enum(["Cluster", "Local"]).optional().describe("As in a Kubernetes Service."),
    announce: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .describe("How nodes announce themselves to clients outside."),
  })
  .describe("The Service that clients connect to.");

const placement = z
  .strictObject({
    rebalance: z
      .enum(["Automatic", "Manual"])
      .default("Automatic")
      .describe("Whether slots move by themselves when nodes come."),
    maxConcurrentMoves: z.int().min(1).max(64).default(2).describe("Slots that move at once."),
    bandwidthMiBps: z.int().min(1).max(10_000).default(50).describe("Limit of all moves together, in MiB a second."),
  })
  .describe("Where slots are and how they move.");

const failover = z
  .strictObject({
    mode: z
      .enum(["Automatic", "Manual"])
      .default("Automatic")
      .describe("Whether a follower is promoted by itself when a leader is lost."),
    detectionSeconds: z
      .int()
      .min(1)
      .max(300)
      .default(2)
      .describe("Seconds without a sign of life after which a node counts as lost."),
  })
  .describe("What happens when a leader is lost.");

const update = z
  .strictObject({
    paused: z.boolean().default(false).describe("Whether rolling updates stand still."),
    allowInterruption: z
      .boolean()
      .default(true)
      .describe("Whether slots that no other replica can keep up may be interrupted by an update."),
  })
  .describe("Rolling updates.");

const networkPolicy = z
  .strictObject({
    enabled: z.boolean().default(true).describe("Whether NetworkPolicies are made."),
    clients: z
      .array(z.record(z.string().max(253), z.unknown()))
      .max(64)
      .meta(ATOMIC_LIST)
      .optional()
      .describe("Peers, as in a NetworkPolicy, that may connect as clients; absent: everybody, empty: nobody."),
  })
  .describe("Who may reach the pods.");

const monitoring = z
  .strictObject({
    serviceMonitor: z.boolean().default(false).describe("Make a ServiceMonitor."),
    prometheusRule: z.boolean().default(false).describe("Make a PrometheusRule."),
    dashboard: z.boolean().default(false).describe("Make a ConfigMap with a Grafana dashboard."),
  })
  .describe("Objects for the Prometheus operator and Grafana.");

/** `spec` of a PikaCluster. */
export const clusterSpec = z
  .strictObject({
    version: z
      .string()
      .max(64)
      .default("")
      .describe("Version of Pika; empty: the one that the cluster was created with. Set it to upgrade."),
    image: z.string().max(512).default("").describe("Image; empty: the chart's repository and that version."),
    featureLevel: z
      .string()
      .max(16)
      .default("")
      .describe("Feature level to hold; empty: raised by itself when every process runs the version."),
    nodes,
    manager: manager.prefault({}),
    etcd: etcd.optional(),
    auth: z
      .strictObject({ adminSecretRef: secretKeyRef.optional().describe("Password of the user admin.") })
      .optional()
      .describe("The administrator; absent, the operator makes a password."),
    tls: tls.prefault({}),
    service: service.prefault({}),
    placement: placement.prefault({}),
    failover: failover.prefault({}),
    update: update.prefault({}),
    networkPolicy: networkPolicy.prefault({}),
    monitoring: monitoring.prefault({}),
    progressDeadlineSeconds: z
      .int()
      .min(10)
      .max(86_400)
      .default(600)
      .describe("Seconds without progress after which a change counts as stalled."),
    suspend: z.boolean().default(false).describe("Run no pods; the data stay."),
    deletionPolicy: z
      .enum(["Retain", "Delete"])
      .default("Retain")
      .describe("What becomes of the volumes when the PikaCluster is deleted."),
  })
  .meta(withRules(CLUSTER_SPEC_RULES))
  .describe("What the cluster should be.");

export const pikaCluster = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("PikaCluster"),
  metadata: objectMeta,
  spec: clusterSpec,
  status: z.unknown().optional(),
});

/** A PikaCluster with its defaults filled in. */
export type PikaCluster = z.infer<typeof pikaCluster>;
