/** The status of a PikaTable. Pure. */

import type { Condition } from "../../kube/core/status-change.ts";
import { PORTS } from "../../resources/child-names.ts";
import { makeCondition, type ProgressInput, progressConditions } from "./conditions.ts";
import type { TablePlan } from "./plan-table.ts";
import type { TableObservation, TableStatus } from "./table-observation.ts";

/** A table has no deadline of its own: that of clusters by default. */
const DEADLINE_MS = 600_000;

export function tableStatusOf(observation: TableObservation, plan: TablePlan): TableStatus {
  const { live, spec, cluster, clusterDomain } = observation;
  const { known } = plan;
  const previous = live.status ?? {};
  const replicas = known?.replicas ?? previous.replicas;
  const slots = known
    ? {
        total: known.slots.total,
        withLeader: known.slots.withLeader,
        underReplicated: known.slots.underReplicated,
        migrating: 0,
        summary: `${known.slots.withLeader}/${known.slots.total}`,
      }
    : previous.slots;
  const host = `${spec.clusterRef.name}.${live.metadata.namespace}.svc.${clusterDomain}`;
  return {
    observedGeneration: live.metadata.generation ?? 0,
    ...(replicas === undefined ? {} : { replicas }),
    ...(slots === undefined ? {} : { slots }),
    ...(cluster ? { address: `${host}:${PORTS.client}` } : {}),
    conditions: [...progressConditions(tableProgressOf(observation, plan)), ...aspects(plan)],
  };
}

export function tableProgressOf({ live, nowMs }: TableObservation, { unfinished }: TablePlan): ProgressInput {
  return {
    before: live.status?.conditions,
    generation: live.metadata.generation ?? 0,
    unfinished,
    nowMs,
    deadlineMs: DEADLINE_MS,
    progressedMs: 0,
    done: { reason: "Ready", message: "every slot has a leader, and every follower is in sync" },
  };
}

function aspects({ known }: TablePlan): Condition[] {
  if (!known) return [];
  const { withLeader, total, underReplicated } = known.slots;
  const isAvailable = withLeader === total;
  const isHealthy = underReplicated === 0;
  const led = `${withLeader} of ${total} slots have a leader`;
  const behind = `${underReplicated} slots have fewer replicas in sync than wanted`;
  return [
    makeCondition("Available", isAvailable, {
      reason: isAvailable ? "AllSlotsLed" : "SlotsWithoutLeader",
      message: led,
    }),
    makeCondition("ReplicationHealthy", isHealthy, {
      reason: isHealthy ? "InSync" : "ReplicasBehind",
      message: behind,
    }),
  ];
}
