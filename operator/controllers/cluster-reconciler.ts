/**
 * Brings a PikaCluster closer to its spec: observe, plan, apply, status (docs/operator.md, "Flow").
 * Invariants: its identity is in status before any child exists; status is written at the end, also after a failed
 * step; it deletes nothing that holds data; a PikaCluster that is being deleted is left to Kubernetes' garbage collector.
 */

import { messageOf } from "../../node/base/errors.ts";
import { randomHex, sha256 } from "../../node/base/mac.ts";
import { clusterSpec } from "../api/v1alpha1/pika-cluster.ts";
import { type KubeObject, keyOf } from "../kube/core/api-object.ts";
import type { ObjectStore } from "../kube/object-store.ts";
import { PIKA_CLUSTERS } from "../resources/kinds.ts";
import type { ReconcileResult, Reconciler } from "../runtime/controller.ts";
import type { OperatorRuntime } from "../runtime/operator-runtime.ts";
import type { Caches } from "./caches.ts";
import { applyChildren, ownerOf } from "./child-applier.ts";
import { changeClaims } from "./claim-changer.ts";
import type { ClusterObserver } from "./cluster-observer.ts";
import type { ClusterObservation, ClusterSpec, LiveCluster } from "./core/cluster-observation.ts";
import { clusterStatusOf, progressOf } from "./core/cluster-status.ts";
import { deadlineLeftMs, progressConditions } from "./core/conditions.ts";
import { type ClusterPlan, planCluster } from "./core/plan-cluster.ts";
import type { OperatorSettings } from "./core/settings.ts";
import { fail, firstUnfinished, retry, type Unfinished } from "./core/task.ts";
import type { ManagerConnections } from "./manager-port.ts";
import { renewPod } from "./pod-renewer.ts";

export interface ClusterReconcilerDeps {
  readonly runtime: OperatorRuntime;
  readonly caches: Caches;
  readonly observer: ClusterObserver;
  readonly connections: ManagerConnections;
  readonly settings: OperatorSettings;
}

/** How often a cluster at rest is compared with what its manager says: nodes come and go without an event. */
const REST_POLL_MS = 5000;
const PASSWORD_SIZE_BYTES = 16;
const SECRET_SIZE_BYTES = 32;

export class ClusterReconciler implements Reconciler {
  readonly #deps: ClusterReconcilerDeps;

  constructor(deps: ClusterReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { caches, connections } = this.#deps;
    const [namespace = ""] = key.split("/");
    const live = caches.of(namespace).clusters.byKey(key);
    if (!live || live.metadata.deletionTimestamp !== undefined) {
      connections.forget(key);
      return {};
    }
    const parsed = clusterSpec.safeParse(live.spec);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const field = ["spec", ...(issue?.path ?? [])].join(".");
      return this.#refuse(
        live,
        `${field}: ${issue?.message ?? "is not understood"}; does this operator know its CRD?`,
        signal,
      );
    }
    const isFirst = live.status?.clusterID === undefined;
    const result = await this.#bringCloser(live, parsed.data, signal);
    // The status that has the identity now is the start of everything else.
    return isFirst && this.#hasIdentity(key) ? { requeueAfterMs: 0 } : result;
  }

  #hasIdentity(key: string): boolean {
    const [namespace = ""] = key.split("/");
    return this.#deps.caches.of(namespace).clusters.byKey(key)?.status?.clusterID !== undefined;
  }

  async #bringCloser(live: LiveCluster, spec: ClusterSpec, signal: AbortSignal): Promise<ReconcileResult> {
    const { observer, settings } = this.#deps;
    const observation = await observer.observe(live, spec, signal);
    const plan = planCluster({
      observation,
      settings,
      fresh: {
        clusterId: randomHex(16),
        clusterSecret: encode(randomHex(SECRET_SIZE_BYTES)),
        adminSecret: encode(randomHex(PASSWORD_SIZE_BYTES)),
      },
      hashPassword: sha256,
    });
    let trouble: Unfinished | undefined;
    let failure: unknown;
    try {
      trouble = await this.#apply(observation, plan, signal);
    } catch (error) {
      failure = error;
      trouble = retry("Failed", messageOf(error));
    }
    const unfinished = trouble ?? firstUnfinished(plan.outcomes);
    const requeueAfterMs = await this.#writeStatus({ observation, plan, unfinished }, signal);
    if (failure !== undefined) throw failure;
    return { requeueAfterMs };
  }

  /** What stands in the way of the plan, if anything does. */
  async #apply(
    observation: ClusterObservation,
    plan: ClusterPlan,
    signal: AbortSignal,
  ): Promise<Unfinished | undefined> {
    const { runtime, caches, observer } = this.#deps;
    const { live, spec } = observation;
    const owner = ownerOf(live);
    const { trouble } = await applyChildren(plan.children, {
      writer: runtime.children,
      caches: caches.of(live.metadata.namespace ?? ""),
      owner,
      signal,
    });
    const refused = await changeClaims(plan.claims, {
      runtime,
      caches: caches.of(live.metadata.namespace ?? ""),
      signal,
    });
    // A deposed operator must not tell managers what an older spec wanted; by (owner, generation) they refuse it anyway.
    if (!runtime.isLeading) return trouble ?? refused;
    const next = plan.update?.next;
    if (!plan.desired && !next) return trouble ?? refused;
    const port = observer.connect(live, spec, observation.clusterSecret);
    if (plan.desired) await port?.putCluster(plan.desired);
    const held = next && (await renewPod(next, { runtime, port, cluster: live, spec, signal }));
    return trouble ?? refused ?? held;
  }

  async #writeStatus(
    state: {
      readonly observation: ClusterObservation;
      readonly plan: ClusterPlan;
      readonly unfinished: Unfinished | undefined;
    },
    signal: AbortSignal,
  ): Promise<number> {
    const input = { ...state, settings: this.#deps.settings };
    const { live } = state.observation;
    const tooSoonMs = await this.#write(live, clusterStatusOf(input), signal);
    this.#tell(live, state.unfinished);
    const due = state.plan.outcomes.flatMap(({ result }) => (result.kind === "Retry" ? [result.afterMs] : []));
    if (state.unfinished?.kind === "Retry") due.push(state.unfinished.afterMs);
    const deadlineMs = deadlineLeftMs(progressOf(input));
    if (deadlineMs !== undefined) due.push(deadlineMs);
    if (tooSoonMs !== undefined) due.push(tooSoonMs);
    return Math.min(REST_POLL_MS, ...due);
  }

  /** The time to come again after, where it was too soon. */
  async #write(live: LiveCluster, status: object, signal: AbortSignal): Promise<number | undefined> {
    const { runtime, caches } = this.#deps;
    const clusters = caches.of(live.metadata.namespace ?? "").clusters;
    const store = clusters as unknown as ObjectStore<KubeObject>;
    const now = clusters.byKey(keyOf(live)) ?? live;
    const result = await runtime.status.write(now, status, { resource: PIKA_CLUSTERS, store, signal });
    return result.kind === "TooSoon" ? result.retryAfterMs : undefined;
  }

  /** An event where `Ready` has another reason than was written last. */
  #tell(live: LiveCluster, unfinished: Unfinished | undefined): void {
    const before = live.status?.conditions?.find(({ type }) => type === "Ready");
    const reason = unfinished?.reason ?? "Ready";
    if (before === undefined || before.reason === reason) return;
    this.#deps.runtime.events.record({
      resource: PIKA_CLUSTERS,
      object: live,
      type: unfinished?.kind === "Fail" ? "Warning" : "Normal",
      reason,
      action: "Reconcile",
      message: unfinished?.message ?? "all nodes, tables and slots are as they should be",
    });
  }

  async #refuse(live: LiveCluster, message: string, signal: AbortSignal): Promise<ReconcileResult> {
    const generation = live.metadata.generation ?? 0;
    const unfinished = fail("InvalidSpec", message);
    const nothing = { before: live.status?.conditions, nowMs: 0, deadlineMs: 0, progressedMs: 0 };
    const done = { reason: "Ready", message: "" };
    const progress = progressConditions({ ...nothing, generation, unfinished, done });
    const kept = (live.status?.conditions ?? []).filter(
      ({ type }) => !["Ready", "Reconciling", "Stalled"].includes(type),
    );
    const status = { ...live.status, observedGeneration: generation, conditions: [...progress, ...kept] };
    const tooSoonMs = await this.#write(live, status, signal);
    return tooSoonMs === undefined ? {} : { requeueAfterMs: tooSoonMs };
  }
}

function encode(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
