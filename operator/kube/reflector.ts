/**
 * Keeps an ObjectStore like the API server: lists, then watches, for ever.
 * Invariants: it runs until it is stopped, whatever the server does; a watch that is silent for longer than bookmarks
 * can be apart is taken for dead; at most one request is under way. Steps are decided by core/reflector-state.ts.
 */

import { type Clock, delay } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import { ApiError } from "./api-error.ts";
import type { KubeObject } from "./core/api-object.ts";
import { ReflectorState, type ReflectorStep } from "./core/reflector-state.ts";
import type { ObjectEvent, ObjectEvents, ObjectSource } from "./object-source.ts";
import type { Listing, ObjectStore } from "./object-store.ts";
import type { ReflectorMetrics } from "./reflector-metrics.ts";

export interface ReflectorOptions {
  /** For logs and metrics: `statefulsets`. */
  readonly name: string;
  /** Objects on a page of a list; 500 when absent. */
  readonly pageSize?: number;
}

export interface ReflectorDeps {
  readonly source: ObjectSource;
  readonly store: ObjectStore<KubeObject>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: ReflectorMetrics;
}

const PAGE_SIZE = 500;
/** The API server sends a bookmark about once a minute: two were missed. */
export const SILENCE_MS = 150_000;
/** The first object of a streamed list comes at once where the server can do it at all. */
export const STREAM_LIST_SILENCE_MS = 20_000;
/** Watches last five to ten minutes, so that those of many reflectors do not end together. */
const MIN_WATCH_SECONDS = 300;
/** The bookmark that ends the objects of a streamed list has this annotation. */
const INITIAL_END = "k8s.io/initial-events-end";

/** We gave a watch up: it was silent, or ended or told old things where it should have listed. */
class UselessWatch extends Error {}

export class Reflector implements Service {
  readonly #options: ReflectorOptions;
  readonly #deps: ReflectorDeps;
  readonly #state = new ReflectorState();
  #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastStepMs: number;
  #lastError: string | undefined;

  constructor(options: ReflectorOptions, deps: ReflectorDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#lastStepMs = deps.clock.monotonicMs();
  }

  get name(): string {
    return this.#options.name;
  }

  get hasSynced(): boolean {
    return this.#deps.store.hasSynced;
  }

  /** When it last began or heard something, by the monotonic clock: far back only if it hangs. */
  get lastStepMs(): number {
    return this.#lastStepMs;
  }

  /** What is in the way at the moment; undefined while it works. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#stopping = new AbortController();
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new OperatingError("Stopped", `the reflector of ${this.name} stops`));
    await this.#running;
    this.#running = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    while (!signal.aborted) {
      const step = this.#state.next(clock.monotonicMs(), random());
      try {
        if (step.delayMs > 0) await delay(clock, step.delayMs, signal);
        this.#lastStepMs = clock.monotonicMs();
        await this.#take(step, signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(error, step);
      }
    }
  }

  #fail(error: unknown, step: ReflectorStep): void {
    const { metrics, logger, clock } = this.#deps;
    this.#lastError = messageOf(error);
    metrics.failed(this.name, error instanceof ApiError ? String(error.status) : "none");
    logger.info({ resource: this.name, step: step.kind, error }, "watching was interrupted");
    if (error instanceof UselessWatch) {
      if (step.kind === "streamList") this.#state.streamRefused();
      else this.#state.watchSilent(clock.monotonicMs());
      return;
    }
    const isAnswer = error instanceof ApiError;
    this.#state.failed(
      { status: isAnswer ? error.status : 0, retryAfterMs: isAnswer ? error.retryAfterMs : undefined },
      step,
    );
  }

  async #take(step: ReflectorStep, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case "list":
        return this.#list(step.isPaged, signal);
      case "streamList":
        return this.#streamList(signal);
      case "watch":
        return this.#watch(step.resourceVersion, signal);
    }
  }

  async #list(isPaged: boolean, signal: AbortSignal): Promise<void> {
    const { source, clock, metrics, store } = this.#deps;
    metrics.listed(this.name);
    let listing: Listing<KubeObject> | undefined;
    let continueToken = "";
    let resourceVersion = "";
    do {
      const limit = isPaged ? (this.#options.pageSize ?? PAGE_SIZE) : undefined;
      const page = await source.list({ limit, continueToken, signal });
      this.#lastStepMs = clock.monotonicMs();
      resourceVersion = page.resourceVersion;
      listing ??= this.#beginList(resourceVersion);
      for (const item of page.items) listing.put(item);
      continueToken = page.continueToken;
    } while (continueToken !== "");
    listing.finish(resourceVersion);
    this.#state.listed(resourceVersion, clock.monotonicMs());
    metrics.holds(this.name, store.count);
  }

  /** @throws OperatingError `StaleList` */
  #beginList(resourceVersion: string): Listing<KubeObject> {
    const verdict = this.#state.judgeList(resourceVersion);
    if (verdict === "refuse") {
      const text = `a list of version ${resourceVersion} is older than ${this.#state.resourceVersion}, which was seen`;
      throw new OperatingError("StaleList", text);
    }
    if (verdict === "rollback") {
      this.#deps.logger.warn(
        { resource: this.name, resourceVersion },
        "the API server went back in time; its list is taken",
      );
    }
    return this.#deps.store.beginList({ isRollback: verdict === "rollback" });
  }

  /** Objects come one by one, so nothing of a large list is held but the objects; goes on as a watch. */
  async #streamList(signal: AbortSignal): Promise<void> {
    const { store, clock, metrics } = this.#deps;
    metrics.listed(this.name);
    const listing = store.beginList({ isRollback: false });
    let isListed = false;
    await this.#follow({ resourceVersion: "", isInitialList: true, signal }, (event) => {
      if (isListed) return this.#takeEvent(event);
      if (event.type === "DELETED") store.remove(event.object);
      else if (event.type !== "BOOKMARK") listing.put(event.object);
      else if (event.object.metadata.annotations?.[INITIAL_END] === "true") {
        const { resourceVersion = "" } = event.object.metadata;
        // Objects only got newer so far. What is missing is believed only of a list that isn't stale; whether an older
        // one is the truth after all is decided with pages, which tell their version first.
        if (this.#state.judgeList(resourceVersion) !== "take") throw new UselessWatch("the streamed list was stale");
        listing.finish(resourceVersion);
        this.#lastError = undefined;
        this.#state.listed(resourceVersion, clock.monotonicMs());
        metrics.holds(this.name, store.count);
        isListed = true;
      }
      return isListed;
    });
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    await this.#follow({ resourceVersion, isInitialList: false, signal }, (event) => this.#takeEvent(event));
  }

  #takeEvent({ type, object }: ObjectEvent): true {
    const { store, clock, metrics } = this.#deps;
    if (type === "DELETED") store.remove(object);
    else if (type !== "BOOKMARK") store.put(object);
    this.#state.progressed(object.metadata.resourceVersion, clock.monotonicMs());
    metrics.holds(this.name, store.count);
    return true;
  }

  /** Watches until the server ends it; `take` says whether the list at its beginning is over. */
  async #follow(
    query: { readonly resourceVersion: string; readonly isInitialList: boolean; readonly signal: AbortSignal },
    take: (event: ObjectEvent) => boolean,
  ): Promise<void> {
    const { source, clock, metrics, random } = this.#deps;
    metrics.watched(this.name);
    const timeoutSeconds = Math.floor(MIN_WATCH_SECONDS * (1 + random()));
    const events = await source.watch({ ...query, timeoutSeconds });
    this.#state.watchOpened(clock.monotonicMs());
    if (!query.isInitialList) this.#lastError = undefined;
    let isListed = !query.isInitialList;
    const reader = new EventReader(events, clock, query.signal);
    try {
      for (;;) {
        const event = await reader.next(isListed ? SILENCE_MS : STREAM_LIST_SILENCE_MS);
        if (event === undefined) break;
        this.#lastStepMs = clock.monotonicMs();
        metrics.received(this.name);
        isListed = take(event);
      }
    } finally {
      reader.close();
    }
    if (!isListed) throw new UselessWatch("the watch ended before its list was whole");
    this.#state.watchEnded(clock.monotonicMs());
  }
}

/** Reads events with a limit on the silence between two. Its end does not depend on the stream's being able to end. */
class EventReader {
  readonly #events: ObjectEvents;
  readonly #iterator: AsyncIterator<ObjectEvent>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** Fails the wait under way. */
  #giveUp: (error: unknown) => void = () => {};
  readonly #abort = () => this.#giveUp(this.#signal.reason);

  constructor(events: ObjectEvents, clock: Clock, signal: AbortSignal) {
    this.#events = events;
    this.#iterator = events[Symbol.asyncIterator]();
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** The next event; undefined at the end. @throws UselessWatch when none comes in time. */
  async next(silenceMs: number): Promise<ObjectEvent | undefined> {
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<ObjectEvent>>();
    this.#giveUp = reject;
    const timer = this.#clock.after(silenceMs, () => reject(new UselessWatch(`nothing was heard for ${silenceMs} ms`)));
    this.#iterator.next().then(resolve, reject);
    try {
      const result = await promise;
      return result.done ? undefined : result.value;
    } finally {
      timer.cancel();
    }
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#events.close();
  }
}
