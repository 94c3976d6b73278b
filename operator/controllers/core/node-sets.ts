/** The StatefulSets of the nodes as they are, and what each shall be. Pure. */

import { COMPONENT_LABEL, MEMBERS, nodeSetName, type Role, ZONE_LABEL } from "../../resources/child-names.ts";
import { growSpread, type NodePlace, type NodeSpread, nextToGo } from "../../resources/node-spread.ts";
import type { SetChoice } from "../../resources/stateful-sets.ts";
import type { Claim, ClusterObservation, Pod, StatefulSet } from "./cluster-observation.ts";
import { adoptedClaims } from "./identity.ts";

export function setsOf(observation: ClusterObservation, role: Role): readonly StatefulSet[] {
  return observation.sets.filter(({ metadata }) => metadata.labels?.[COMPONENT_LABEL] === role);
}

export function podsOf(observation: Pick<ClusterObservation, "pods">, role: Role): readonly Pod[] {
  return observation.pods.filter(({ metadata }) => metadata.labels?.[COMPONENT_LABEL] === role);
}

export function isReady(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** Nodes by zone as they are meant to be now: what a hand changed in `replicas` is no intent. */
export function currentSpread(observation: ClusterObservation): NodeSpread {
  const spread = new Map<string, number>();
  for (const set of setsOf(observation, "node")) {
    const members = Number(set.metadata.annotations?.[MEMBERS] ?? set.spec?.replicas ?? 0);
    spread.set(set.metadata.labels?.[ZONE_LABEL] ?? "", members);
  }
  if (spread.size > 0) return spread;
  // A cluster that is made again over its volumes begins with the nodes that they are of.
  for (const claim of adoptedClaims(observation, "node")) {
    const zone = claim.metadata.labels?.[ZONE_LABEL] ?? "";
    spread.set(zone, Math.max(spread.get(zone) ?? 0, ordinalOf(claim) + 1));
  }
  return spread;
}

function ordinalOf({ metadata }: Claim): number {
  return Number(/-(\d+)$/.exec(metadata.name ?? "")?.[1] ?? 0);
}

export interface SpreadPlan {
  readonly spread: NodeSpread;
  /** The node that has to go and cannot yet, with what stands in the way. */
  readonly blocked?: { readonly pod: string; readonly why: string };
}

/** As many nodes as the spec says; one goes only when the manager says that it holds nothing. */
export function planSpread(observation: ClusterObservation): SpreadPlan {
  const { spec } = observation;
  const zones = spec.nodes.zones.map(({ name }) => name);
  const spread = new Map(growSpread(currentSpread(observation), zones, spec.nodes.replicas));
  for (;;) {
    const place = nextToGo(spread, zones, spec.nodes.replicas);
    if (!place) return { spread };
    const why = whyStays(observation, place);
    if (why) return { spread, blocked: { pod: podName(observation, place), why } };
    spread.set(place.zone, place.ordinal);
  }
}

function podName({ live }: ClusterObservation, { zone, ordinal }: NodePlace): string {
  return `${nodeSetName(live.metadata.name ?? "", zone)}-${ordinal}`;
}

function whyStays(observation: ClusterObservation, place: NodePlace): string | undefined {
  const { manager, spec } = observation;
  if (manager.kind === "Away") return "no manager says what it holds";
  if (manager.cluster.spec?.nodes !== spec.nodes.replicas) return "the manager does not know of it yet";
  const name = podName(observation, place);
  const node = manager.nodes.find((candidate) => candidate.name === name && candidate.state !== "retired");
  if (!node || node.replicas === 0) return undefined;
  return `it holds ${node.replicas} replicas, which this release does not move: raise spec.nodes.replicas again`;
}

/** What each zone's StatefulSet shall be. */
export function nodeChoices(
  observation: ClusterObservation,
  spread: NodeSpread,
  openSets: ReadonlySet<string>,
): ReadonlyMap<string, SetChoice> {
  const choices = new Map<string, SetChoice>();
  for (const [zone, members] of spread) {
    const set = setsOf(observation, "node").find(
      ({ metadata }) => metadata.name === nodeSetName(observation.live.metadata.name ?? "", zone),
    );
    choices.set(zone, setChoice(observation, set, { members, openSets }));
  }
  return choices;
}

/** Of one StatefulSet: its claim template stays as it is, since it cannot be changed. */
export function setChoice(
  { spec }: ClusterObservation,
  set: StatefulSet | undefined,
  { members, openSets }: { readonly members: number; readonly openSets: ReadonlySet<string> },
): SetChoice {
  const claimSize = set?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage;
  return {
    replicas: spec.suspend ? 0 : members,
    members,
    isRenewing: openSets.has(set?.metadata.name ?? ""),
    ...(claimSize === undefined ? {} : { claimSize }),
  };
}
