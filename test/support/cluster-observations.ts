/** Observations of PikaClusters for tests of plans and statuses. */

import type { ClusterId } from "../../node/meta/ids.ts";
import type { NodeReply, StatusReply } from "../../node/meta/manager-api.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { clusterSpec } from "../../operator/api/v1alpha1/pika-cluster.ts";
import type { ClusterObservation, ManagerView, Pod } from "../../operator/controllers/core/cluster-observation.ts";
import type { OperatorSettings } from "../../operator/controllers/core/settings.ts";

export const CLUSTER_ID = "0123456789abcdef0123456789abcdef";
const CREATED = "2026-01-02T03:04:05Z";
export const NOW_MS = Date.parse("2026-01-02T03:05:00Z");

export const settings: OperatorSettings = {
  programVersion: "0.1.0",
  image: "localhost/pika:0.1.0",
  etcdImage: "localhost/etcd:test",
  clusterDomain: "cluster.local",
  nodeOptions,
};

/** A PikaCluster `demo` in `team`, whose identity is in status. */
export function observe(spec: object = {}, over: Partial<ClusterObservation> = {}): ClusterObservation {
  const parsed = clusterSpec.parse({ nodes: {}, ...spec });
  return {
    live: {
      metadata: { namespace: "team", name: "demo", uid: "uid-1", generation: 1, creationTimestamp: CREATED },
      spec,
      status: { clusterID: CLUSTER_ID, version: "0.1.0", observedGeneration: 1 },
    },
    spec: parsed,
    sets: [],
    pods: [],
    claims: [],
    managerConfig: undefined,
    clusterSecret: base64("secret of the cluster"),
    adminSecret: base64("password of admin"),
    userSecrets: new Map(),
    manager: { kind: "Away", message: "no manager is ready" },
    nowMs: NOW_MS,
    ...over,
  };
}

export function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

/** Pods `<set>-0` …, ready. */
export function readyPods(component: "node" | "manager" | "etcd", count: number): Pod[] {
  const set = { node: "demo-nodes", manager: "demo-manager", etcd: "demo-etcd" }[component];
  return Array.from({ length: count }, (_, i) => ({
    metadata: { name: `${set}-${i}`, labels: { "app.kubernetes.io/component": component, "pika.io/cluster": "demo" } },
    status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime: CREATED }] },
  }));
}

/** A manager that leads and knows what the spec says; every node holds `held` replicas. */
export function leads(nodeCount: number, over: Partial<StatusReply> & { readonly held?: number } = {}): ManagerView {
  const { held = 4, ...status } = over;
  const clusterId = CLUSTER_ID as ClusterId;
  const nodes = { desired: nodeCount, registered: nodeCount, alive: nodeCount, ready: nodeCount };
  return {
    kind: "Leads",
    status: {
      clusterId,
      epoch: 7,
      featureLevel: 1,
      leader: { id: "m", url: "http://demo-manager-1.demo-manager.team.svc.cluster.local:9230" },
      managers: [],
      nodes,
      tables: { total: 1, ready: 1 },
      slots: { total: 8, withLeader: 8, underReplicated: 0, lost: 0 },
      isReady: true,
      notes: [],
      ...status,
    } as StatusReply,
    cluster: {
      clusterId,
      epoch: 7,
      owner: "uid-1",
      generation: 1,
      spec: { nodes: nodeCount, adminPasswordHashes: ["hash of password of admin"] },
    } as Extract<ManagerView, { kind: "Leads" }>["cluster"],
    nodes: Array.from({ length: nodeCount }, (_, i) => ({
      name: `demo-nodes-${i}`,
      state: "active",
      replicas: held,
      leads: held,
    })) as unknown as readonly NodeReply[],
  };
}

export const hashPassword = (password: string): string => `hash of ${password}`;
