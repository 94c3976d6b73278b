/**
 * Metrics as Prometheus reads them (prom-client), names `pika_<process>_<part>_<what>_<unit>`.
 * Each process owns one registry and hands it down; there is no global one.
 * Hot paths keep plain numbers and give them with `observe` when the metrics are read.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export class Metrics {
  readonly #registry = new Registry();

  counter(options: MetricOptions): Counter<string> {
    return new Counter({ ...this.#common(options) });
  }

  gauge(options: MetricOptions): Gauge<string> {
    return new Gauge({ ...this.#common(options) });
  }

  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histogram<string> {
    return new Histogram({ ...this.#common(options), buckets: [...options.buckets] });
  }

  /** A gauge whose value is asked for at each reading of the metrics. */
  observe(options: MetricOptions, read: () => number): void {
    new Gauge({
      ...this.#common(options),
      collect() {
        this.set(read());
      },
    });
  }

  /** The process's memory, CPU, event loop and garbage collection. */
  observeProcess(prefix: string): void {
    collectDefaultMetrics({ register: this.#registry, prefix });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of all metrics. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #common(options: MetricOptions) {
    return {
      name: options.name,
      help: options.help,
      labelNames: [...(options.labels ?? [])],
      registers: [this.#registry],
    };
  }
}
