/**
 * What reflectors ask and hold, by resource.
 */

import type { Metrics } from "../../node/base/metrics.ts";

export class ReflectorMetrics {
  readonly #lists;
  readonly #watches;
  readonly #events;
  readonly #failures;
  readonly #objects;

  constructor(metrics: Metrics) {
    const labels = ["resource"];
    this.#lists = metrics.counter({ name: "pika_operator_cache_lists_total", help: "whole lists asked for", labels });
    this.#watches = metrics.counter({ name: "pika_operator_cache_watches_total", help: "watches opened", labels });
    this.#events = metrics.counter({ name: "pika_operator_cache_events_total", help: "events of watches", labels });
    this.#failures = metrics.counter({
      name: "pika_operator_cache_failures_total",
      help: "lists and watches that failed; code none: no answer, or silence",
      labels: [...labels, "code"],
    });
    this.#objects = metrics.gauge({ name: "pika_operator_cache_objects", help: "objects held", labels });
  }

  listed(resource: string): void {
    this.#lists.inc({ resource });
  }

  watched(resource: string): void {
    this.#watches.inc({ resource });
  }

  received(resource: string): void {
    this.#events.inc({ resource });
  }

  failed(resource: string, code: string): void {
    this.#failures.inc({ resource, code });
  }

  holds(resource: string, count: number): void {
    this.#objects.set({ resource }, count);
  }
}
