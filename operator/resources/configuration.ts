/**
 * Secrets and ConfigMaps of a cluster. Secrets keep the value that is there: a new one is made only where there is none.
 */

import { SECRETS } from "../kube/secret-reader.ts";
import { labelsOf, nameOf, secretNames } from "./child-names.ts";
import { type ClusterBlueprint, childMetadata, type PlannedChild } from "./cluster-blueprint.ts";
import { CONFIG_MAPS } from "./kinds.ts";

/** Key of the administrator's password in the Secret that the operator makes. */
export const ADMIN_KEY = "password";
/** Key of the processes' secret; one line, two during a rotation. */
export const CLUSTER_SECRET_KEY = "secret";

/** A Secret with one value. @param value in base64, as it is kept. */
function opaqueSecret(blueprint: ClusterBlueprint, name: string, data: Readonly<Record<string, string>>): PlannedChild {
  return {
    resource: SECRETS,
    object: { metadata: childMetadata(blueprint, name, labelsOf(blueprint.name)), type: "Opaque", data },
  };
}

/** @param values in base64; the administrator's is absent where the user gives a Secret. */
export function secrets(
  blueprint: ClusterBlueprint,
  values: { readonly cluster: string; readonly admin: string | undefined },
): PlannedChild[] {
  const { name } = blueprint;
  const cluster = opaqueSecret(blueprint, secretNames.cluster(name), { [CLUSTER_SECRET_KEY]: values.cluster });
  if (values.admin === undefined) return [cluster];
  return [cluster, opaqueSecret(blueprint, secretNames.admin(name), { [ADMIN_KEY]: values.admin })];
}

/**
 * What managers read from the environment at each start: the cluster that must be in the store, or, until it is there,
 * the one that they may make. It is no part of the template, so that a pod never starts by what was true earlier.
 */
export function managerConfig(blueprint: ClusterBlueprint): PlannedChild {
  const { name, clusterId, isBootstrapped } = blueprint;
  return {
    resource: CONFIG_MAPS,
    object: {
      metadata: childMetadata(blueprint, nameOf(name, "manager"), labelsOf(name, "manager")),
      data: isBootstrapped ? { PIKA_CLUSTER_ID: clusterId } : { PIKA_NEW_CLUSTER_ID: clusterId },
    },
  };
}
