/**
 * What the builders make a cluster's objects from: the spec with its defaults, and what was resolved for it.
 * Builders are pure: the same blueprint gives the same objects.
 */

import type { PikaCluster } from "../api/v1alpha1/pika-cluster.ts";
import type { KubeObject, Resource } from "../kube/core/api-object.ts";

export interface ClusterBlueprint {
  readonly namespace: string;
  readonly name: string;
  readonly spec: PikaCluster["spec"];
  readonly clusterId: string;
  /** Whether the metadata exist already: managers then refuse an empty store. */
  readonly isBootstrapped: boolean;
  /** Resolved: never empty. */
  readonly version: string;
  readonly image: string;
  readonly etcdImage: string;
  readonly clusterDomain: string;
  /** Whether the external etcd's Secret has a client certificate beside the authorities. */
  readonly hasEtcdCertificate: boolean;
  /** Node options that need a restart, by flag name. */
  readonly nodeFlags: Readonly<Record<string, string>>;
}

/** The fields of a child that we mean. */
export type ChildIntent = KubeObject & { readonly [field: string]: unknown };

export interface PlannedChild {
  readonly resource: Resource;
  readonly object: ChildIntent;
}

/** `metadata` of a child. */
export function childMetadata(
  blueprint: ClusterBlueprint,
  name: string,
  labels: Readonly<Record<string, string>>,
): { namespace: string; name: string; labels: { [key: string]: string } } {
  return { namespace: blueprint.namespace, name, labels: { ...labels } };
}

/** Whether etcd is ours to run. */
export function etcdIsManaged({ spec }: ClusterBlueprint): boolean {
  return spec.etcd?.external === undefined;
}
