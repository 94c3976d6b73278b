/**
 * What of the volumes' claims has to change: they grow with the spec, and belong to the PikaCluster where its deletion
 * shall take them along. Claims are never deleted here. Pure.
 */

import { CLUSTER_ID, COMPONENT_LABEL } from "../../resources/child-names.ts";
import { toBytes } from "../../resources/stateful-sets.ts";
import type { Claim, ClusterObservation } from "./cluster-observation.ts";
import { COMPLETE, type TaskResult, waitFor } from "./task.ts";

/** A merge patch of one claim. */
export interface ClaimChange {
  readonly claim: Claim;
  readonly body: { readonly metadata?: object; readonly spec?: object };
}

const DEFAULT_ETCD_SIZE = "2Gi";

export function planClaims(observation: ClusterObservation, clusterId: string): ClaimChange[] {
  return ownClaims(observation, clusterId).flatMap((claim) => {
    const metadata = ownershipOf(observation, claim);
    const spec = growthOf(observation, claim);
    return metadata || spec ? [{ claim, body: { ...(metadata ? { metadata } : {}), ...(spec ? { spec } : {}) } }] : [];
  });
}

/** Whether every volume has the size that the spec says. */
export function judgeClaims(observation: ClusterObservation, clusterId: string): TaskResult {
  const small = ownClaims(observation, clusterId).find((claim) => {
    const capacity = claim.status?.capacity?.storage;
    return capacity !== undefined && toBytes(capacity) < toBytes(wantedSize(observation, claim));
  });
  if (!small) return COMPLETE;
  const message = `the volume ${small.metadata.name} is ${small.status?.capacity?.storage}, ${wantedSize(observation, small)} is wanted`;
  return waitFor("ResizingVolumes", message);
}

function ownClaims({ claims }: ClusterObservation, clusterId: string): Claim[] {
  return claims.filter(
    ({ metadata }) => metadata.annotations?.[CLUSTER_ID] === clusterId && metadata.deletionTimestamp === undefined,
  );
}

function wantedSize({ spec }: ClusterObservation, { metadata }: Claim): string {
  const isNode = metadata.labels?.[COMPONENT_LABEL] === "node";
  return isNode ? spec.nodes.storage.size : (spec.etcd?.managed?.storage.size ?? DEFAULT_ETCD_SIZE);
}

function growthOf(observation: ClusterObservation, claim: Claim): object | undefined {
  const storage = wantedSize(observation, claim);
  const asked = claim.spec?.resources?.requests?.storage ?? storage;
  // A claim that is not bound cannot be changed.
  if (claim.status?.phase !== "Bound" || toBytes(asked) >= toBytes(storage)) return undefined;
  return { resources: { requests: { storage } } };
}

/** With `Delete` the garbage collector takes volumes along: no finalizer, no running operator is needed. */
function ownershipOf({ live, spec }: ClusterObservation, { metadata }: Claim): object | undefined {
  const uid = live.metadata.uid ?? "";
  const present = metadata.ownerReferences ?? [];
  const isOwned = present.some((reference) => reference.uid === uid);
  if (isOwned === (spec.deletionPolicy === "Delete")) return undefined;
  const others = present.filter((reference) => reference.uid !== uid);
  const own = { apiVersion: "pika.io/v1alpha1", kind: "PikaCluster", name: live.metadata.name, uid };
  return { ownerReferences: isOwned ? others : [...others, own] };
}
