/** The status of a PikaCluster, from what was observed and what the tasks say. Nothing else writes its conditions. Pure. */

import type { Condition } from "../../kube/core/status-change.ts";
import { INPUT_HASH, selectorOf } from "../../resources/child-names.ts";
import { inputHash } from "../../resources/pod-inputs.ts";
import type { ClusterObservation, ClusterStatus, Pod } from "./cluster-observation.ts";
import { makeCondition, type ProgressInput, progressConditions } from "./conditions.ts";
import { currentSpread, isReady, podsOf } from "./node-sets.ts";
import type { ClusterPlan } from "./plan-cluster.ts";
import type { OperatorSettings } from "./settings.ts";
import type { Unfinished } from "./task.ts";

export interface StatusInput {
  readonly observation: ClusterObservation;
  readonly plan: ClusterPlan;
  readonly settings: OperatorSettings;
  /** What decides `Ready`: the first task that is not complete, or what a write met. */
  readonly unfinished: Unfinished | undefined;
}

export function clusterStatusOf(input: StatusInput): ClusterStatus {
  const { observation, plan, settings } = input;
  const { live, spec, manager } = observation;
  const name = live.metadata.name ?? "";
  const nodes = countNodes(observation, plan);
  const selector = Object.entries(selectorOf(name, "node"))
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  const previous = live.status ?? {};
  const about = managerPart(manager, previous);
  return {
    observedGeneration: live.metadata.generation ?? 0,
    version: spec.version || previous.version || settings.programVersion,
    ...(plan.clusterId === undefined ? {} : { clusterID: plan.clusterId }),
    selector,
    nodes,
    ...about,
    conditions: [...progressConditions(progressOf(input)), ...aspects(input)],
  };
}

/** What of the status is the managers' word; while none leads it stays as it was said last. */
function managerPart(manager: ClusterObservation["manager"], previous: ClusterStatus): Partial<ClusterStatus> {
  if (manager.kind === "Away") {
    const { featureLevel, managerLeader, epoch, tables, slots } = previous;
    return dropAbsent({ featureLevel, managerLeader, epoch, tables, slots });
  }
  const { status } = manager;
  const { total, withLeader, underReplicated } = status.slots;
  return {
    featureLevel: String(status.featureLevel),
    managerLeader: new URL(status.leader.url).hostname.split(".")[0] ?? "",
    epoch: status.epoch,
    tables: { total: status.tables.total, ready: status.tables.ready },
    slots: { total, withLeader, underReplicated, migrating: 0, summary: `${withLeader}/${total}` },
  };
}

function dropAbsent<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function countNodes(observation: ClusterObservation, plan: ClusterPlan): NonNullable<ClusterStatus["nodes"]> {
  const { spec } = observation;
  const pods = podsOf(observation, "node");
  const spread = plan.spread?.spread ?? currentSpread(observation);
  const hash = plan.blueprint && inputHash(plan.blueprint, "node");
  const ready = pods.filter(isReady);
  const zones = [...spread]
    .filter(([zone]) => zone !== "")
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([zone, nodes]) => ({ name: zone, nodes, ready: ready.filter((pod) => zoneOf(pod) === zone).length }));
  return {
    desired: spec.nodes.replicas,
    current: [...spread.values()].reduce((sum, count) => sum + count, 0),
    ready: ready.length,
    updated: pods.filter(({ metadata }) => hash !== undefined && metadata.annotations?.[INPUT_HASH] === hash).length,
    summary: `${ready.length}/${spec.nodes.replicas}`,
    ...(zones.length === 0 ? {} : { zones }),
  };
}

function zoneOf({ metadata }: Pod): string {
  return metadata.labels?.["pika.io/zone"] ?? "";
}

/** What `Ready`, `Reconciling` and `Stalled` are made from. */
export function progressOf({ observation, unfinished }: StatusInput): ProgressInput {
  const { live, spec, nowMs, pods } = observation;
  return {
    before: live.status?.conditions,
    generation: live.metadata.generation ?? 0,
    unfinished,
    nowMs,
    deadlineMs: spec.progressDeadlineSeconds * 1000,
    progressedMs: Math.max(0, ...pods.map(becameReadyMs)),
    done: spec.suspend
      ? { reason: "Suspended", message: "no pods run; the data stay" }
      : { reason: "Ready", message: "all nodes, tables and slots are as they should be" },
  };
}

function becameReadyMs(pod: Pod): number {
  const ready = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
  return ready?.lastTransitionTime === undefined ? 0 : Date.parse(ready.lastTransitionTime);
}

function aspects({ observation, plan }: StatusInput): Condition[] {
  const { spec, manager } = observation;
  const conditions: Condition[] = [];
  const add = (type: string, status: Condition["status"] | boolean, why: { reason: string; message: string }) =>
    conditions.push(makeCondition(type, status, why));
  if (spec.suspend)
    add("Suspended", true, { reason: "Suspended", message: "spec.suspend is true: no pods run; the data stay" });
  if (manager.kind === "Leads") {
    const { slots, nodes } = manager.status;
    const isAvailable = nodes.ready > 0 && slots.withLeader === slots.total;
    const led = `${slots.withLeader} of ${slots.total} slots have a leader`;
    add("Available", isAvailable, { reason: isAvailable ? "AllSlotsLed" : "SlotsWithoutLeader", message: led });
    const isHealthy = slots.underReplicated === 0;
    const behind = `${slots.underReplicated} slots have fewer replicas in sync than wanted`;
    add("ReplicationHealthy", isHealthy, { reason: isHealthy ? "InSync" : "ReplicasBehind", message: behind });
    const idle = manager.nodes.filter(({ state, replicas }) => state === "active" && replicas === 0).length;
    const isBalanced = idle === 0 || slots.total === 0;
    const empty = `${idle} nodes hold nothing; this release places new tables there and moves no data`;
    add("Balanced", isBalanced, {
      reason: isBalanced ? "Balanced" : "MovesNotSupported",
      message: isBalanced ? "every node holds a share" : empty,
    });
    if (slots.lost > 0)
      add("DataAtRisk", true, {
        reason: "SlotsLost",
        message: `${slots.lost} slots had their only replica on a node that is gone`,
      });
  } else if (!spec.suspend) {
    add("Available", "Unknown", { reason: "ManagerUnavailable", message: manager.message });
  }
  const { outdatedCount = 0, result } = plan.update ?? {};
  if (outdatedCount > 0) {
    const message = result?.kind === "Wait" || result?.kind === "Retry" ? result.message : "spec.update.paused is true";
    add("Updating", true, { reason: spec.update.paused ? "Paused" : "RollingUpdate", message });
  }
  const blocked = plan.spread?.blocked;
  if (blocked) add("ScalingIn", true, { reason: "DrainBlocked", message: `${blocked.pod} cannot go: ${blocked.why}` });
  return conditions;
}
