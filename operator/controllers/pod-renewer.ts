/**
 * Evicts the pod whose turn it is: through the Eviction API, so that `kubectl drain` and we share one budget. Right
 * before, the managers are asked whether a node may go; where slots would be interrupted that no other replica can keep
 * up, the spec decides.
 */

import { statusOf } from "../kube/api-error.ts";
import type { KubeObject } from "../kube/core/api-object.ts";
import { PIKA_CLUSTERS, PODS } from "../resources/kinds.ts";
import type { OperatorRuntime } from "../runtime/operator-runtime.ts";
import type { ClusterSpec } from "./core/cluster-observation.ts";
import type { RenewStep } from "./core/plan-update.ts";
import { retry, type Unfinished } from "./core/task.ts";
import type { ManagerPort } from "./manager-port.ts";

export interface RenewCall {
  readonly runtime: OperatorRuntime;
  readonly port: ManagerPort | undefined;
  readonly cluster: KubeObject;
  readonly spec: ClusterSpec;
  readonly signal: AbortSignal;
}

/** Why it was not evicted, if it was not. */
export async function renewPod(step: RenewStep, call: RenewCall): Promise<Unfinished | undefined> {
  const { runtime, port, cluster, spec, signal } = call;
  const name = step.pod.metadata.name ?? "";
  let interrupted = 0;
  if (step.role === "node" && !step.isBroken) {
    if (!port) return retry("Updating", "no manager says whether a node may be restarted");
    const { isSafe, blockerCount, blockers } = await port.restartSafety(name);
    const [first] = blockers;
    if (!isSafe && !spec.update.allowInterruption) {
      const why = first ? ` (${first.table} slot ${first.slot}: ${first.reason})` : "";
      return retry("RestartUnsafe", `${name}: ${blockerCount} slots would have no leader${why}`);
    }
    interrupted = isSafe ? 0 : blockerCount;
  }
  if (!runtime.isLeading) return undefined;
  try {
    const isEvicted = await runtime.client.evict(PODS, step.pod, { signal });
    if (!isEvicted) return undefined;
  } catch (error) {
    if (statusOf(error) !== 429) throw error;
    return retry("EvictionBlocked", `${name} may not be evicted now: a PodDisruptionBudget is in the way`);
  }
  const pause = interrupted > 0 ? `; ${interrupted} slots that no other replica keeps up are interrupted` : "";
  runtime.events.record({
    resource: PIKA_CLUSTERS,
    object: cluster,
    type: interrupted > 0 ? "Warning" : "Normal",
    reason: "Renewing",
    action: "Update",
    message: `${name} is renewed${pause}`,
  });
  return undefined;
}
