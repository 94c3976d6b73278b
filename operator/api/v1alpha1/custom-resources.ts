/**
 * The CustomResourceDefinitions of the project, made from the schemas: `pika crds` prints them, crds/ holds them.
 * Pure. What is in them is API: columns, short names and the scale subresource are used by people's scripts.
 */

import type { z } from "zod";
import { type StructuralSchema, toStructuralSchema } from "../structural-schema.ts";
import { CLUSTER_ROOT_RULES } from "./cluster-rules.ts";
import { API_GROUP, type ValidationRule } from "./fields.ts";
import { clusterSpec } from "./pika-cluster.ts";
import { clusterStatus } from "./pika-cluster-status.ts";
import { tableSpec } from "./pika-table.ts";
import { tableStatus } from "./pika-table-status.ts";
import { TABLE_ROOT_RULES } from "./table-rules.ts";

/** A CustomResourceDefinition as it is written to YAML or applied. */
export type CustomResourceDefinition = { readonly [key: string]: unknown };

interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly description: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
}

interface Resource {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly rules: readonly ValidationRule[];
  readonly columns: readonly Column[];
  readonly scale?: Readonly<Record<string, string>>;
  readonly selectableFields?: readonly string[];
}

function ready(part: "status" | "reason" | "message"): string {
  return `.status.conditions[?(@.type=="Ready")].${part}`;
}

const AGE: Column = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "How long ago it was created.",
};

const PIKA_CLUSTER: Resource = {
  kind: "PikaCluster",
  plural: "pikaclusters",
  shortName: "pkc",
  description: "A Pika cluster: storage nodes, their managers and the metadata store.",
  spec: clusterSpec,
  status: clusterStatus,
  rules: CLUSTER_ROOT_RULES,
  scale: {
    specReplicasPath: ".spec.nodes.replicas",
    statusReplicasPath: ".status.nodes.current",
    labelSelectorPath: ".status.selector",
  },
  columns: [
    { name: "Ready", type: "string", jsonPath: ready("status"), description: "Whether all is as it should be." },
    { name: "Status", type: "string", jsonPath: ready("reason"), description: "Why." },
    { name: "Nodes", type: "string", jsonPath: ".status.nodes.summary", description: "Ready nodes of the desired." },
    { name: "Tables", type: "integer", jsonPath: ".status.tables.total", description: "Tables." },
    { name: "Slots", type: "string", jsonPath: ".status.slots.summary", description: "Slots with a leader of all." },
    { name: "Version", type: "string", jsonPath: ".status.version", description: "Version of Pika." },
    AGE,
    { name: "Migrating", type: "integer", jsonPath: ".status.slots.migrating", description: "Slots.", priority: 1 },
    { name: "Leader", type: "string", jsonPath: ".status.managerLeader", description: "Leading manager.", priority: 1 },
    { name: "Epoch", type: "integer", jsonPath: ".status.epoch", description: "Of the assignment.", priority: 1 },
    { name: "Bytes", type: "integer", jsonPath: ".status.storageBytes", description: "Bytes stored.", priority: 1 },
    { name: "Message", type: "string", jsonPath: ready("message"), description: "Why, in words.", priority: 1 },
  ],
};

const PIKA_TABLE: Resource = {
  kind: "PikaTable",
  plural: "pikatables",
  shortName: "pkt",
  description: "A table of a Pika cluster: a named keyspace with slots, replicas and a password of its own.",
  spec: tableSpec,
  status: tableStatus,
  rules: TABLE_ROOT_RULES,
  selectableFields: [".spec.clusterRef.name"],
  columns: [
    { name: "Ready", type: "string", jsonPath: ready("status"), description: "Whether all is as it should be." },
    { name: "Cluster", type: "string", jsonPath: ".spec.clusterRef.name", description: "Its PikaCluster." },
    { name: "Slots", type: "string", jsonPath: ".status.slots.summary", description: "Slots with a leader of all." },
    { name: "Replicas", type: "integer", jsonPath: ".status.replicas", description: "Replicas of each slot." },
    { name: "Consistency", type: "string", jsonPath: ".spec.consistency", description: "How writes are confirmed." },
    { name: "Keys", type: "integer", jsonPath: ".status.keys", description: "Keys, rounded." },
    { name: "Size", type: "integer", jsonPath: ".status.bytes", description: "Bytes, rounded." },
    AGE,
  ],
};

/** All definitions, in the order in which they are installed. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return [define(PIKA_CLUSTER), define(PIKA_TABLE)];
}

function define(resource: Resource): CustomResourceDefinition {
  const { kind, plural, scale, selectableFields } = resource;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${API_GROUP}`, labels: { "app.kubernetes.io/part-of": "pika" } },
    spec: {
      group: API_GROUP,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [resource.shortName],
        categories: ["pika"],
      },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale ? { scale } : {}) },
          additionalPrinterColumns: resource.columns,
          ...(selectableFields ? { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) } : {}),
          schema: { openAPIV3Schema: rootSchema(resource) },
        },
      ],
    },
  };
}

function rootSchema(resource: Resource): StructuralSchema {
  return {
    type: "object",
    description: resource.description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: toStructuralSchema(resource.spec),
      status: toStructuralSchema(resource.status),
    },
    "x-kubernetes-validations": resource.rules,
  };
}
