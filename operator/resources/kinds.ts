/** The resources of the API that the operator makes and watches. */

import type { Resource } from "../kube/core/api-object.ts";

function builtIn(group: string, plural: string, kind: string): Resource {
  return { group, version: "v1", plural, kind, isNamespaced: true };
}

export const SERVICES = builtIn("", "services", "Service");
export const CONFIG_MAPS = builtIn("", "configmaps", "ConfigMap");
export const SERVICE_ACCOUNTS = builtIn("", "serviceaccounts", "ServiceAccount");
export const PODS = builtIn("", "pods", "Pod");
export const CLAIMS = builtIn("", "persistentvolumeclaims", "PersistentVolumeClaim");
export const STATEFUL_SETS = builtIn("apps", "statefulsets", "StatefulSet");
export const DISRUPTION_BUDGETS = builtIn("policy", "poddisruptionbudgets", "PodDisruptionBudget");
export const NETWORK_POLICIES = builtIn("networking.k8s.io", "networkpolicies", "NetworkPolicy");

function ours(plural: string, kind: string): Resource {
  return { group: "pika.io", version: "v1alpha1", plural, kind, isNamespaced: true };
}

export const PIKA_CLUSTERS = ours("pikaclusters", "PikaCluster");
export const PIKA_TABLES = ours("pikatables", "PikaTable");
