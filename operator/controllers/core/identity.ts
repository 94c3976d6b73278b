/**
 * Which cluster this is: the id from status, else that of the volumes that are there, else a new one. Written to status
 * before anything else. Pure.
 */

import { CLUSTER_ID, COMPONENT_LABEL } from "../../resources/child-names.ts";
import type { Claim, ClusterObservation } from "./cluster-observation.ts";
import { COMPLETE, type TaskResult, waitFor } from "./task.ts";

export interface Identity {
  /** Undefined where it cannot be told yet. */
  readonly clusterId: string | undefined;
  readonly result: TaskResult;
}

/** @param newId 32 random hex digits. */
export function identify(observation: ClusterObservation, newId: string): Identity {
  const { live, claims } = observation;
  const known = live.status?.clusterID;
  if (known !== undefined) return checkVolumes(observation, known);
  const ids = new Set(claims.map(idOf).filter((id) => id !== ""));
  const going = claims.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
  if (going) {
    const message = `the volume ${going.metadata.name} of an earlier cluster of this name is being deleted`;
    return { clusterId: undefined, result: waitFor("WaitingForVolumes", message) };
  }
  if (ids.size > 1) return { clusterId: undefined, result: waitFor("AdoptionMismatch", severalClusters(ids)) };
  const [adopted] = ids;
  return { clusterId: adopted ?? newId, result: COMPLETE };
}

function checkVolumes({ claims }: ClusterObservation, clusterId: string): Identity {
  const other = claims.find((claim) => idOf(claim) !== "" && idOf(claim) !== clusterId);
  if (!other) return { clusterId, result: COMPLETE };
  const message =
    `the volume ${other.metadata.name} is of the cluster ${idOf(other)}, this one is ${clusterId}: ` +
    "remove or rename it; it is left alone";
  return { clusterId, result: waitFor("AdoptionMismatch", message) };
}

function severalClusters(ids: ReadonlySet<string>): string {
  return `the volumes of this name are of several clusters (${[...ids].join(", ")}): keep those of one`;
}

function idOf({ metadata }: Claim): string {
  return metadata.annotations?.[CLUSTER_ID] ?? "";
}

/** Volumes of a role that are older than the PikaCluster: it was deleted and made again. */
export function adoptedClaims({ live, claims }: ClusterObservation, role: "node" | "etcd"): readonly Claim[] {
  const made = Date.parse(live.metadata.creationTimestamp ?? "");
  return claims.filter(
    ({ metadata }) =>
      metadata.labels?.[COMPONENT_LABEL] === role && Date.parse(metadata.creationTimestamp ?? "") < made,
  );
}

/** Whether the metadata exist already: managers then refuse an empty store. */
export function isBootstrapped(observation: ClusterObservation, clusterId: string): boolean {
  const { managerConfig, manager } = observation;
  if (managerConfig?.PIKA_CLUSTER_ID === clusterId) return true;
  if (manager.kind === "Leads" && manager.cluster.clusterId === clusterId) return true;
  return adoptedClaims(observation, "node").length > 0;
}
