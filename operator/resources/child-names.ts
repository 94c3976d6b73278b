/**
 * Names, labels and ports of a cluster's children, as docs/operator.md ("Names and labels") has them. They are API:
 * selectors can never change, and people's scripts use the rest. Pure.
 */

import { createHash } from "node:crypto";

export type Role = "node" | "manager" | "etcd";

export const PORTS = {
  client: 6379,
  peer: 9222,
  nodeHttp: 9223,
  manager: 9230,
  etcdClient: 2379,
  etcdPeer: 2380,
  /** Health and metrics of etcd, without a client certificate. */
  etcdHttp: 2381,
} as const;

export const CLUSTER_LABEL = "pika.io/cluster";
export const COMPONENT_LABEL = "app.kubernetes.io/component";
export const ZONE_LABEL = "pika.io/zone";
export const INPUT_HASH = "pika.io/input-hash";
/** On volumes and StatefulSets: the cluster whose data they hold. */
export const CLUSTER_ID = "pika.io/cluster-id";
/** On StatefulSets: how many pods the operator means the set to have, running or suspended. */
export const MEMBERS = "pika.io/members";
/** The claim of each pod's data; `data-<pod>` is the volume's. */
export const DATA_CLAIM = "data";

const SUFFIX: Readonly<Record<Role, string>> = { node: "nodes", manager: "manager", etcd: "etcd" };

/** What pods of a role are found by, in Services, StatefulSets and policies: nothing else, for ever. */
export function selectorOf(cluster: string, role: Role): Readonly<Record<string, string>> {
  return { [CLUSTER_LABEL]: cluster, [COMPONENT_LABEL]: role };
}

/** Labels of a child; those of a role's objects carry the role. */
export function labelsOf(cluster: string, role?: Role): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": "pika",
    "app.kubernetes.io/instance": cluster,
    "app.kubernetes.io/managed-by": "pika-operator",
    [CLUSTER_LABEL]: cluster,
    ...(role === undefined ? {} : { [COMPONENT_LABEL]: role }),
    ...(role === "node" ? { "pika.io/pool": "default" } : {}),
  };
}

/** `<c>-nodes`, `<c>-manager`, `<c>-etcd`: of the role's Service, StatefulSet, policy, budget and ServiceAccount. */
export function nameOf(cluster: string, role: Role): string {
  return `${cluster}-${SUFFIX[role]}`;
}

/** The StatefulSet of a zone; the zone is "" where the cluster has none. */
export function nodeSetName(cluster: string, zone: string): string {
  return zone === "" ? nameOf(cluster, "node") : `${nameOf(cluster, "node")}-${keyOfZone(zone)}`;
}

function keyOfZone(zone: string): string {
  return createHash("sha256").update(zone).digest("hex").slice(0, 5);
}

/** Where a pod of a StatefulSet is found: `<pod>.<service>.<namespace>.svc.<domain>`. */
export function podHost(
  pod: string,
  service: string,
  place: { readonly namespace: string; readonly clusterDomain: string },
): string {
  return `${pod}.${service}.${place.namespace}.svc.${place.clusterDomain}`;
}

export const secretNames = {
  /** Password of `admin`, where the operator makes it. */
  admin: (cluster: string) => `${cluster}-admin`,
  /** By which nodes, managers and the operator prove themselves to each other. */
  cluster: (cluster: string) => `${cluster}-secret`,
} as const;
