/**
 * What controllers do, under the names that controller-runtime and client-go have, so that dashboards fit.
 */

import type { Metrics } from "../../node/base/metrics.ts";

export type ReconcileOutcome = "success" | "requeue_after" | "error";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class ControllerMetrics {
  readonly #reconciles;
  readonly #errors;
  readonly #seconds;
  readonly #activeWorkers;
  readonly #maxWorkers;
  readonly #depth;
  readonly #adds;
  readonly #retries;
  readonly #queueSeconds;
  readonly #leads;

  constructor(metrics: Metrics) {
    const labels = ["controller"];
    const queue = ["name", "controller"];
    const buckets = SECONDS;
    const counter = (name: string, help: string, names: readonly string[]) =>
      metrics.counter({ name, help, labels: names });
    const gauge = (name: string, help: string, names: readonly string[]) =>
      metrics.gauge({ name, help, labels: names });
    this.#reconciles = counter("controller_runtime_reconcile_total", "reconciles by result", [...labels, "result"]);
    this.#errors = counter("controller_runtime_reconcile_errors_total", "reconciles that failed", labels);
    this.#seconds = metrics.histogram({
      name: "controller_runtime_reconcile_time_seconds",
      help: "time of a reconcile",
      labels,
      buckets,
    });
    this.#activeWorkers = gauge("controller_runtime_active_workers", "reconciles under way", labels);
    this.#maxWorkers = gauge("controller_runtime_max_concurrent_reconciles", "reconciles that may run at once", labels);
    this.#depth = gauge("workqueue_depth", "keys that wait", queue);
    this.#adds = counter("workqueue_adds_total", "keys added", queue);
    this.#retries = counter("workqueue_retries_total", "keys added again after a failure", queue);
    this.#queueSeconds = metrics.histogram({
      name: "workqueue_queue_duration_seconds",
      help: "time that a key is due before it is worked on",
      labels: queue,
      buckets,
    });
    this.#leads = gauge("leader_election_master_status", "1 while this operator leads", ["name"]);
  }

  limited(controller: string, workers: number): void {
    this.#maxWorkers.set({ controller }, workers);
  }

  added(controller: string): void {
    this.#adds.inc({ name: controller, controller });
  }

  took(controller: string, waitedMs: number): void {
    this.#queueSeconds.observe({ name: controller, controller }, waitedMs / 1000);
  }

  ended(controller: string, outcome: ReconcileOutcome, tookMs: number): void {
    this.#reconciles.inc({ controller, result: outcome });
    this.#seconds.observe({ controller }, tookMs / 1000);
    if (outcome !== "error") return;
    this.#errors.inc({ controller });
    this.#retries.inc({ name: controller, controller });
  }

  shows(controller: string, now: { readonly waiting: number; readonly working: number }): void {
    this.#depth.set({ name: controller, controller }, now.waiting);
    this.#activeWorkers.set({ controller }, now.working);
  }

  leads(name: string, isLeading: boolean): void {
    this.#leads.set({ name }, isLeading ? 1 : 0);
  }
}
