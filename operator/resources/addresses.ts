/** URLs by which a cluster's processes and the operator reach each other. */

import { nameOf, PORTS, podHost } from "./child-names.ts";
import type { ClusterBlueprint } from "./cluster-blueprint.ts";

const DEFAULT_ETCD_REPLICAS = 3;

/** Members of the etcd that we run. */
export function etcdReplicas({ spec }: ClusterBlueprint): number {
  return spec.etcd?.managed?.replicas ?? DEFAULT_ETCD_REPLICAS;
}

export function managerUrls(
  blueprint: Pick<ClusterBlueprint, "namespace" | "name" | "spec" | "clusterDomain">,
): string[] {
  const service = nameOf(blueprint.name, "manager");
  return Array.from(
    { length: blueprint.spec.manager.replicas },
    (_, index) => `http://${podHost(`${service}-${index}`, service, blueprint)}:${PORTS.manager}`,
  );
}

/** What managers give to `--etcd`. */
export function etcdEndpoints(blueprint: ClusterBlueprint): readonly string[] {
  const external = blueprint.spec.etcd?.external;
  if (external) return external.endpoints;
  const service = nameOf(blueprint.name, "etcd");
  return Array.from(
    { length: etcdReplicas(blueprint) },
    (_, index) => `http://${podHost(`${service}-${index}`, service, blueprint)}:${PORTS.etcdClient}`,
  );
}

/** Where the metadata are. */
export function metadataPrefix({ spec, namespace, name }: ClusterBlueprint): string {
  const prefix = spec.etcd?.external?.prefix ?? "";
  return prefix === "" ? `/pika/${namespace}/${name}` : prefix;
}
