/** Why pods of a role are not ready, from what Kubernetes says of them and of their volumes. Pure. */

import { COMPONENT_LABEL, type Role } from "../../resources/child-names.ts";
import type { ClusterObservation, Pod } from "./cluster-observation.ts";
import { isReady, podsOf, setsOf } from "./node-sets.ts";

export interface Diagnosis {
  readonly reason: string;
  readonly message: string;
}

const PULL_REASONS: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
]);
const CRASH_REASONS: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "CreateContainerConfigError",
  "RunContainerError",
]);

/** The first thing that is wrong; undefined where pods are only on their way. */
export function diagnosePods(observation: ClusterObservation, role: Role): Diagnosis | undefined {
  const unready = podsOf(observation, role).filter((pod) => !isReady(pod));
  const found = unready.map(diagnosePod).find((diagnosis) => diagnosis !== undefined);
  if (found) return found;
  const pending = observation.claims.find(
    ({ metadata, status }) => metadata.labels?.[COMPONENT_LABEL] === role && status?.phase === "Pending",
  );
  if (pending && unready.some((pod) => pod.status?.phase === "Pending")) {
    return { reason: "WaitingForVolumes", message: `the volume ${pending.metadata.name} is not bound yet` };
  }
  return missingPods(observation, role);
}

function diagnosePod(pod: Pod): Diagnosis | undefined {
  const name = pod.metadata.name ?? "";
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return { reason: "PodUnschedulable", message: `${name}: ${scheduled.message ?? "no Kubernetes node takes it"}` };
  }
  for (const { state, image } of pod.status?.containerStatuses ?? []) {
    const waiting = state?.waiting;
    if (waiting?.reason === undefined) continue;
    if (PULL_REASONS.has(waiting.reason))
      return { reason: "ImagePullFailed", message: `${name}: ${image}: ${waiting.reason}` };
    if (CRASH_REASONS.has(waiting.reason)) {
      return { reason: "PodCrashing", message: `${name}: ${waiting.reason}; its log says why` };
    }
  }
  return undefined;
}

/** Fewer pods than the StatefulSet wants, and its controller has seen it: quota or Pod Security refuses them. */
function missingPods(observation: ClusterObservation, role: Role): Diagnosis | undefined {
  for (const set of setsOf(observation, role)) {
    const { spec, status, metadata } = set;
    if (status?.observedGeneration !== metadata.generation) continue;
    const there = podsOf(observation, role).length;
    if (
      there > 0 ||
      (spec?.replicas ?? 0) === 0 ||
      observation.nowMs - Date.parse(metadata.creationTimestamp ?? "") < 10_000
    )
      continue;
    return {
      reason: "PodsRefused",
      message: `StatefulSet ${metadata.name} cannot make its pods: kubectl describe statefulset ${metadata.name} says why`,
    };
  }
  return undefined;
}
