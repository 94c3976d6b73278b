/**
 * Brings a PikaTable closer to its spec. Tables and clusters may come in any order. A finalizer is held only where the
 * data are to be deleted with it, and let go at once where the cluster is gone or going.
 */

import type { Clock } from "../../node/base/clock.ts";
import { codeOf, messageOf } from "../../node/base/errors.ts";
import { sha256 } from "../../node/base/mac.ts";
import { clusterSpec } from "../api/v1alpha1/pika-cluster.ts";
import { tableSpec } from "../api/v1alpha1/pika-table.ts";
import { type KubeObject, keyOf, objectKey } from "../kube/core/api-object.ts";
import type { ObjectStore } from "../kube/object-store.ts";
import { SECRETS, type Secret } from "../kube/secret-reader.ts";
import { secretNames } from "../resources/child-names.ts";
import { CLUSTER_SECRET_KEY } from "../resources/configuration.ts";
import { PIKA_TABLES } from "../resources/kinds.ts";
import type { ReconcileResult, Reconciler } from "../runtime/controller.ts";
import type { OperatorRuntime } from "../runtime/operator-runtime.ts";
import { BY_CLUSTER, type Caches } from "./caches.ts";
import type { ClusterObserver } from "./cluster-observer.ts";
import type { LiveCluster } from "./core/cluster-observation.ts";
import { deadlineLeftMs, progressConditions } from "./core/conditions.ts";
import { planTable, TABLE_FINALIZER } from "./core/plan-table.ts";
import {
  type LiveTable,
  type TableObservation,
  type TableSpec,
  type TablesView,
  tableNameOf,
} from "./core/table-observation.ts";
import { tableProgressOf, tableStatusOf } from "./core/table-status.ts";
import { fail, POLL_MS } from "./core/task.ts";
import type { ManagerPort } from "./manager-port.ts";

export interface TableReconcilerDeps {
  readonly runtime: OperatorRuntime;
  readonly caches: Caches;
  readonly observer: ClusterObserver;
  readonly clock: Clock;
  readonly clusterDomain: string;
}

/** How often a table at rest is compared with what its manager says. */
const REST_POLL_MS = 5000;

export class TableReconciler implements Reconciler {
  readonly #deps: TableReconcilerDeps;

  constructor(deps: TableReconcilerDeps) {
    this.#deps = deps;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const [namespace = ""] = key.split("/");
    const live = this.#deps.caches.of(namespace).tables.byKey(key);
    if (!live) return {};
    const parsed = tableSpec.safeParse(live.spec);
    if (!parsed.success) return this.#refuse(live, parsed.error.issues[0]?.message ?? "", signal);
    if (live.metadata.deletionTimestamp !== undefined) return this.#end(live, parsed.data, signal);
    const observation = await this.#observe(live, parsed.data, signal);
    const plan = planTable(observation, sha256);
    await this.#holdFinalizer(observation, plan.known !== undefined || plan.desired !== undefined, signal);
    if (plan.desired && this.#deps.runtime.isLeading) {
      const port = observation.cluster && this.#connect(observation.cluster);
      await port?.putTable(tableNameOf(live), plan.desired);
    }
    const tooSoonMs = await this.#write(live, tableStatusOf(observation, plan), signal);
    const due = [tooSoonMs, deadlineLeftMs(tableProgressOf(observation, plan))];
    if (plan.unfinished?.kind === "Retry") due.push(plan.unfinished.afterMs);
    return { requeueAfterMs: Math.min(REST_POLL_MS, ...due.filter((afterMs) => afterMs !== undefined)) };
  }

  async #observe(live: LiveTable, spec: TableSpec, signal: AbortSignal): Promise<TableObservation> {
    const { caches, clock, clusterDomain } = this.#deps;
    const { namespace = "" } = live.metadata;
    const all = caches.of(namespace);
    const clusterKey = objectKey(namespace, spec.clusterRef.name);
    const cluster = all.clusters.byKey(clusterKey);
    const ref = spec.passwordSecretRef;
    const secret = ref && (await all.secrets.read(namespace, ref.name, { signal }));
    return {
      live,
      spec,
      cluster,
      siblings: all.tables.byIndex(BY_CLUSTER, clusterKey),
      password: secret && (secret.data ?? {}),
      manager: await this.#askManager(cluster),
      clusterDomain,
      nowMs: clock.wallMs(),
    };
  }

  async #askManager(cluster: LiveCluster | undefined): Promise<TablesView> {
    const away = { kind: "Away", message: "the cluster has no manager yet" } as const;
    // A status without an epoch: no manager ever led.
    if (cluster?.status?.epoch === undefined) return away;
    try {
      const port = this.#connect(cluster);
      if (!port) return away;
      const [{ clusterId }, tables] = await Promise.all([port.cluster(), port.tables()]);
      return { kind: "Leads", clusterId, tables };
    } catch (error) {
      return { kind: "Away", message: messageOf(error) };
    }
  }

  #connect(cluster: LiveCluster): ManagerPort | undefined {
    const { caches, observer } = this.#deps;
    const { namespace = "", name = "" } = cluster.metadata;
    const parsed = clusterSpec.safeParse(cluster.spec);
    const secret = caches.of(namespace).children.get(SECRETS.plural)?.get(namespace, secretNames.cluster(name));
    if (!parsed.success || !secret) return undefined;
    return observer.connect(cluster, parsed.data, (secret as Secret).data?.[CLUSTER_SECRET_KEY]);
  }

  /** It is being deleted: the data go with it where it says so and they are its own. */
  async #end(live: LiveTable, spec: TableSpec, signal: AbortSignal): Promise<ReconcileResult> {
    if (!live.metadata.finalizers?.includes(TABLE_FINALIZER)) return {};
    const { namespace = "" } = live.metadata;
    const cluster = this.#deps.caches.of(namespace).clusters.get(namespace, spec.clusterRef.name);
    const isClusterGone = cluster === undefined || cluster.metadata.deletionTimestamp !== undefined;
    if (!isClusterGone && spec.deletionPolicy === "Delete") {
      const view = await this.#askManager(cluster);
      if (view.kind === "Away" || !this.#deps.runtime.isLeading) return { requeueAfterMs: POLL_MS };
      const known = view.tables.find(({ name }) => name === tableNameOf(live));
      const owner = live.metadata.uid ?? "";
      if (known?.owner === owner) {
        const { generation } = known;
        await this.#delete(cluster, tableNameOf(live), { owner, generation });
      }
    }
    await this.#setFinalizer(live, false, signal);
    return {};
  }

  async #delete(
    cluster: LiveCluster,
    name: string,
    intent: { readonly owner: string; readonly generation: number },
  ): Promise<void> {
    try {
      await this.#connect(cluster)?.deleteTable(name, intent);
    } catch (error) {
      if (codeOf(error) !== "NotFound") throw error;
    }
  }

  async #holdFinalizer({ live, spec }: TableObservation, hasData: boolean, signal: AbortSignal): Promise<void> {
    const shallHold = spec.deletionPolicy === "Delete" && hasData;
    const holds = live.metadata.finalizers?.includes(TABLE_FINALIZER) ?? false;
    if (shallHold !== holds && (hasData || holds)) await this.#setFinalizer(live, shallHold, signal);
  }

  async #setFinalizer(live: LiveTable, isHeld: boolean, signal: AbortSignal): Promise<void> {
    const { runtime, caches } = this.#deps;
    if (!runtime.isLeading) return;
    const { namespace = "", name = "", resourceVersion, uid, finalizers = [] } = live.metadata;
    const others = finalizers.filter((finalizer) => finalizer !== TABLE_FINALIZER);
    const metadata = { uid, resourceVersion, finalizers: isHeld ? [...others, TABLE_FINALIZER] : others };
    const written = await runtime.client.merge<LiveTable>(PIKA_TABLES, {
      scope: { namespace, name },
      body: { metadata },
      signal,
    });
    caches.of(namespace).tables.put(written);
  }

  async #write(live: LiveTable, status: object, signal: AbortSignal): Promise<number | undefined> {
    const { runtime, caches } = this.#deps;
    const tables = caches.of(live.metadata.namespace ?? "").tables;
    const now = tables.byKey(keyOf(live)) ?? live;
    const store = tables as unknown as ObjectStore<KubeObject>;
    const result = await runtime.status.write(now, status, { resource: PIKA_TABLES, store, signal });
    return result.kind === "TooSoon" ? result.retryAfterMs : undefined;
  }

  async #refuse(live: LiveTable, message: string, signal: AbortSignal): Promise<ReconcileResult> {
    const generation = live.metadata.generation ?? 0;
    const unfinished = fail("InvalidSpec", `spec: ${message}; does this operator know its CRD?`);
    const nothing = { before: live.status?.conditions, nowMs: 0, deadlineMs: 0, progressedMs: 0 };
    const conditions = progressConditions({
      ...nothing,
      generation,
      unfinished,
      done: { reason: "Ready", message: "" },
    });
    const tooSoonMs = await this.#write(live, { ...live.status, observedGeneration: generation, conditions }, signal);
    return tooSoonMs === undefined ? {} : { requeueAfterMs: tooSoonMs };
  }
}
