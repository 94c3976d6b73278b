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

/** A metric as the reference lists it. */
export interface DescribedMetric extends MetricOptions {
  readonly kind: "counter" | "gauge" | "histogram";
}

export class Metrics {
  /** What was made here, in order; without the process's own (`observeProcess`). */
  readonly described: DescribedMetric[] = [];
  readonly #registry = new Registry();

  counter(options: MetricOptions): Counter<string> {
    return new Counter(this.#common(options, "counter"));
  }

  /** A value that is set when it changes; what can be asked for is better observed. */
  gauge(options: MetricOptions): Gauge<string> {
    return new Gauge(this.#common(options, "gauge"));
  }

  /** @param options.buckets upper bounds, ascending, in the unit of the name. */
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histogram<string> {
    const { buckets, ...described } = options;
    return new Histogram({ ...this.#common(described, "histogram"), buckets: [...buckets] });
  }

  /** A metric whose value is asked for at each reading: a counter where the name ends with `_total`, else a gauge. */
  observe(options: MetricOptions, read: () => number): void {
    if (options.name.endsWith("_total")) {
      new Counter({
        ...this.#common(options, "counter"),
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    } else {
      new Gauge({
        ...this.#common(options, "gauge"),
        collect() {
          this.set(read());
        },
      });
    }
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

  #common(options: MetricOptions, kind: DescribedMetric["kind"]) {
    this.described.push({ ...options, kind });
    return {
      name: options.name,
      help: options.help,
      labelNames: [...(options.labels ?? [])],
      registers: [this.#registry],
    };
  }
}
