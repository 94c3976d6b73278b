/** The status of a PikaTable. Pure. */

import { clusterSpec } from "../../api/v1alpha1/pika-cluster.ts";
import type { Condition } from "../../kube/core/status-change.ts";
import { PORTS } from "../../resources/child-names.ts";
import { makeCondition, type ProgressInput, progressConditions } from "./conditions.ts";
import type { TablePlan } from "./plan-table.ts";
import type { TableObservation, TableStatus } from "./table-observation.ts";

/** As long as clusters have by default: for a table whose cluster is not there. */
const DEADLINE_MS = 600_000;

/** A table has no deadline of its own: its cluster's. */
function deadlineOf({ cluster }: TableObservation): number {
  const parsed = clusterSpec.safeParse(cluster?.spec);
  return parsed.success ? parsed.data.progressDeadlineSeconds * 1000 : DEADLINE_MS;
}

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

export function tableProgressOf(observation: TableObservation, { unfinished }: TablePlan): ProgressInput {
  const { live, nowMs } = observation;
  return {
    before: live.status?.conditions,
    generation: live.metadata.generation ?? 0,
    unfinished,
    nowMs,
    deadlineMs: deadlineOf(observation),
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
