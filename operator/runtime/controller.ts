/**
 * Runs a reconciler over the keys of one kind of object.
 * Invariants: never two at once for one key, no more than `concurrency` at all; it works only while it is active, which
 * is while this operator leads and its caches have synced; a reconcile has a deadline; one that fails comes again, later
 * each time; everything is looked at again now and then, spread over time.
 */

import type { Clock, Timer } from "../../node/base/clock.ts";
import { OperatingError } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import type { ControllerMetrics } from "./controller-metrics.ts";
import { type Priority, WorkQueue } from "./core/work-queue.ts";

export interface ReconcileResult {
  /** Come again after this, ms; absent: when something changes. */
  readonly requeueAfterMs?: number;
}

/** Brings what is closer to what shall be, for one object; may be called at any time and again. */
export interface Reconciler {
  /** @param key `namespace/name`. A failure is thrown, and the key comes again with backoff. */
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult>;
}

export interface ControllerOptions {
  /** For logs and metrics: `pikacluster`. */
  readonly name: string;
  readonly concurrency: number;
  /** A reconcile waits for nothing, so a minute means that something hangs. */
  readonly timeoutMs?: number;
  /** All keys are looked at again after this; 10 min when absent. */
  readonly resyncMs?: number;
}

export interface ControllerDeps {
  readonly reconciler: Reconciler;
  /** All keys that exist. */
  readonly keys: () => Iterable<string>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: ControllerMetrics;
}

const TIMEOUT_MS = 60_000;
const RESYNC_MS = 10 * 60_000;
/** A failure is often a conflict that the next event explains; one that stays is looked at every five minutes. */
const BACKOFF = { initialMs: 100, maxMs: 5 * 60_000 };

export class Controller implements Service {
  readonly #options: ControllerOptions;
  readonly #deps: ControllerDeps;
  readonly #queue = new WorkQueue(BACKOFF);
  readonly #working = new Set<Promise<void>>();
  #stopping = new AbortController();
  #isActive = false;
  #wakeUp: Timer | undefined;
  #resync: Timer | undefined;

  constructor(options: ControllerOptions, deps: ControllerDeps) {
    this.#options = options;
    this.#deps = deps;
    deps.metrics.limited(options.name, options.concurrency);
  }

  get isActive(): boolean {
    return this.#isActive;
  }

  /** Wants the key looked at. Kept while it is not active too. */
  add(key: string, priority: Priority): void {
    this.#deps.metrics.added(this.#options.name);
    this.#queue.add(key, { priority }, this.#deps.clock.monotonicMs());
    this.#pump();
  }

  /** Begins to work: on everything, since what happened before is unknown. */
  async start(): Promise<void> {
    if (this.#isActive) return;
    this.#isActive = true;
    this.#stopping = new AbortController();
    this.#addAll(0);
    this.#armResync();
    this.#pump();
  }

  /** Takes nothing more, tells what is under way to end, and waits for it. */
  async stop(): Promise<void> {
    this.#isActive = false;
    this.#wakeUp?.cancel();
    this.#resync?.cancel();
    this.#stopping.abort(new OperatingError("Stopped", `the controller ${this.#options.name} stops`));
    await Promise.all(this.#working);
    this.#queue.clear();
  }

  #addAll(spreadMs: number): void {
    const { clock, keys, random } = this.#deps;
    const nowMs = clock.monotonicMs();
    for (const key of keys()) this.#queue.add(key, { priority: "resync", delayMs: random() * spreadMs }, nowMs);
  }

  #armResync(): void {
    const resyncMs = this.#options.resyncMs ?? RESYNC_MS;
    this.#resync = this.#deps.clock.after(resyncMs, () => {
      this.#addAll(resyncMs / 2);
      this.#armResync();
      this.#pump();
    });
  }

  #pump(): void {
    this.#wakeUp?.cancel();
    if (!this.#isActive) return;
    const { clock, metrics } = this.#deps;
    const { name, concurrency } = this.#options;
    const nowMs = clock.monotonicMs();
    while (this.#queue.takenCount < concurrency) {
      const taken = this.#queue.take(nowMs);
      if (!taken) break;
      metrics.took(name, taken.waitedMs);
      const work: Promise<void> = this.#work(taken.key).finally(() => {
        this.#working.delete(work);
        this.#pump();
      });
      this.#working.add(work);
    }
    metrics.shows(name, { waiting: this.#queue.count, working: this.#queue.takenCount });
    const dueMs = this.#queue.nextDueMs();
    const isFull = this.#queue.takenCount >= concurrency;
    if (dueMs !== undefined && !isFull) this.#wakeUp = clock.after(Math.max(0, dueMs - nowMs), () => this.#pump());
  }

  async #work(key: string): Promise<void> {
    const { clock, metrics, random, logger, reconciler } = this.#deps;
    const { name, timeoutMs = TIMEOUT_MS } = this.#options;
    const startMs = clock.monotonicMs();
    const deadline = new AbortController();
    const timer = clock.after(timeoutMs, () =>
      deadline.abort(new OperatingError("ReconcileTimeout", `${name} ${key}: not done within ${timeoutMs} ms`)),
    );
    try {
      const signal = AbortSignal.any([this.#stopping.signal, deadline.signal]);
      const { requeueAfterMs } = await reconciler.reconcile(key, signal);
      this.#queue.succeed(key);
      if (requeueAfterMs !== undefined) {
        this.#queue.add(key, { priority: "change", delayMs: requeueAfterMs }, clock.monotonicMs());
      }
      const outcome = requeueAfterMs === undefined ? "success" : "requeue_after";
      metrics.ended(name, outcome, clock.monotonicMs() - startMs);
    } catch (error) {
      const retryMs = this.#queue.fail(key, clock.monotonicMs(), random());
      metrics.ended(name, "error", clock.monotonicMs() - startMs);
      if (!this.#stopping.signal.aborted) logger.warn({ controller: name, key, retryMs, error }, "a reconcile failed");
    } finally {
      timer.cancel();
    }
  }
}
