/**
 * Which pod is renewed next (docs/operator.md, "When a pod must be renewed"): one at a time, a broken one first, etcd
 * before managers before nodes, and a whole one only while everything else is as it should be. The StatefulSet of the pod
 * whose turn it is gives new pods the newest revision until the new one is there; all others keep the old one.
 * Pure; it remembers nothing: what the turn is, is read from pods and StatefulSets.
 */

import { INPUT_HASH, type Role } from "../../resources/child-names.ts";
import { type ClusterBlueprint, etcdIsManaged } from "../../resources/cluster-blueprint.ts";
import { inputHash } from "../../resources/pod-inputs.ts";
import type { ClusterObservation, Pod, StatefulSet } from "./cluster-observation.ts";
import { isReady, podsOf, setsOf } from "./node-sets.ts";
import { COMPLETE, retry, type TaskResult, waitFor } from "./task.ts";

export interface RenewStep {
  readonly pod: Pod;
  readonly role: Role;
  /** It serves nothing: nobody need be asked. */
  readonly isBroken: boolean;
}

export interface UpdatePlan {
  readonly result: TaskResult;
  /** StatefulSets whose new pods get the newest revision. */
  readonly openSets: ReadonlySet<string>;
  /** The pod to evict now. */
  readonly next?: RenewStep;
  /** Pods that run older inputs than they should. */
  readonly outdatedCount: number;
}

export function planUpdate(observation: ClusterObservation, blueprint: ClusterBlueprint): UpdatePlan {
  const openSets = new Set(
    observation.sets.filter((set) => isOnDelete(set) && hasGap(observation, set)).map(nameOfSet),
  );
  const roles: readonly Role[] = etcdIsManaged(blueprint) ? ["etcd", "manager", "node"] : ["manager", "node"];
  const outdated = roles.map((role) => ({ role, pods: outdatedPods(observation, role, inputHash(blueprint, role)) }));
  const outdatedCount = outdated.reduce((sum, { pods }) => sum + pods.length, 0);
  const turn = outdated.find(({ pods }) => pods.length > 0);
  const { suspend, update } = observation.spec;
  if (!turn || suspend || update.paused) return { result: COMPLETE, openSets, outdatedCount };
  const wait = (why: string) => waitFor("Updating", `${outdatedCount} pods are to be renewed: ${why}`);
  const broken = turn.pods.find((pod) => !isReady(pod));
  const obstacle = broken ? findGap(observation, turn.role) : findUnrest(observation, turn.role);
  if (obstacle) return { result: retry("Updating", wait(obstacle).message), openSets, outdatedCount };
  const pod = broken ?? turn.pods.at(-1);
  const set = pod && setsOf(observation, turn.role).find((candidate) => nameOfSet(candidate) === setNameOf(pod));
  if (!pod || !set) return { result: COMPLETE, openSets, outdatedCount };
  openSets.add(nameOfSet(set));
  const result = wait(`${pod.metadata.name} is next`);
  const hash = inputHash(blueprint, turn.role);
  if (!isOpen(set, hash)) return { result, openSets, outdatedCount };
  const next = { pod, role: turn.role, isBroken: broken !== undefined };
  return { result, openSets, outdatedCount, next };
}

/** In the order of zones and ordinals. */
function outdatedPods(observation: ClusterObservation, role: Role, hash: string): Pod[] {
  return podsOf(observation, role)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined && metadata.annotations?.[INPUT_HASH] !== hash)
    .toSorted((a, b) => ordinalOf(a) - ordinalOf(b) || (setNameOf(a) < setNameOf(b) ? -1 : 1));
}

function ordinalOf({ metadata }: Pod): number {
  return Number(/\d+$/.exec(metadata.name ?? "")?.[0] ?? 0);
}

function setNameOf({ metadata }: Pod): string {
  return (metadata.name ?? "").replace(/-\d+$/, "");
}

function nameOfSet({ metadata }: StatefulSet): string {
  return metadata.name ?? "";
}

function isOnDelete({ spec }: StatefulSet): boolean {
  return spec?.updateStrategy?.type === "OnDelete";
}

/** Its controller has seen the newest template and gives it to pods that are made. */
function isOpen(set: StatefulSet, hash: string): boolean {
  const isSeen = set.status?.observedGeneration === set.metadata.generation;
  return isSeen && isOnDelete(set) && set.spec?.template.metadata?.annotations?.[INPUT_HASH] === hash;
}

function hasGap({ pods }: ClusterObservation, set: StatefulSet): boolean {
  const own = pods.filter((pod) => setNameOf(pod) === nameOfSet(set));
  const there = own.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return there.length < (set.spec?.replicas ?? 0) || there.length < own.length;
}

function findGap(observation: ClusterObservation, role: Role): string | undefined {
  const gap = setsOf(observation, role).find((set) => hasGap(observation, set));
  return gap && `a pod of ${nameOfSet(gap)} is being made again`;
}

/** Why no pod that works may be taken away now. */
function findUnrest(observation: ClusterObservation, role: Role): string | undefined {
  const { sets, pods, manager } = observation;
  const gap = sets.find((set) => hasGap(observation, set));
  if (gap) return `a pod of ${nameOfSet(gap)} is being made again`;
  const unready = pods.find((pod) => !isReady(pod));
  if (unready) return `${unready.metadata.name} is not ready`;
  if (role !== "node") return undefined;
  if (manager.kind === "Away") return manager.message;
  const { total, withLeader, underReplicated } = manager.status.slots;
  if (manager.status.nodes.ready < pods.filter((pod) => podsOf(observation, "node").includes(pod)).length) {
    return "the managers do not know all nodes as ready yet";
  }
  if (withLeader < total) return `${total - withLeader} slots have no leader`;
  return underReplicated > 0 ? `${underReplicated} slots have a replica that is not in sync` : undefined;
}
