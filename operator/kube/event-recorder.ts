/**
 * Tells people what happens to their objects, as Events. Recording never waits and never fails: events go out one after
 * another behind it, from a queue with a limit; what cannot be sent is logged and left.
 */

import { BoundedQueue } from "../../node/base/bounded-queue.ts";
import type { Clock } from "../../node/base/clock.ts";
import { messageOf } from "../../node/base/errors.ts";
import type { Logger } from "../../node/base/log.ts";
import { statusOf } from "./api-error.ts";
import type { KubeObject, Resource } from "./core/api-object.ts";
import { apiVersionOf } from "./core/api-object.ts";
import { EventSeries } from "./core/event-series.ts";
import { microTime } from "./core/lease-record.ts";
import type { KubeClient } from "./kube-client.ts";

export interface ObjectNews {
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly type: "Normal" | "Warning";
  /** CamelCase, part of the interface: `NodeReplaced`. */
  readonly reason: string;
  /** What was done: `Update`. */
  readonly action: string;
  /** A sentence for a person. */
  readonly message: string;
}

/** Where events can be told, as a port. */
export interface EventSink {
  record(news: ObjectNews): void;
}

const EVENTS: Resource = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  isNamespaced: true,
};
/** More in a row are a storm that nobody reads. */
const MAX_QUEUED = 1000;
/** The API's own limit. */
const MAX_NOTE_CHARS = 1024;

export class EventRecorder implements EventSink {
  readonly #options: { readonly controller: string; readonly instance: string };
  readonly #deps: {
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly random: () => number;
    readonly logger: Logger;
  };
  readonly #series = new EventSeries();
  readonly #queue = new BoundedQueue<() => Promise<void>>({ maxCount: MAX_QUEUED, maxWeight: MAX_QUEUED });
  #draining: Promise<void> | undefined;

  constructor(
    options: { readonly controller: string; readonly instance: string },
    deps: {
      readonly client: KubeClient;
      readonly clock: Clock;
      readonly random: () => number;
      readonly logger: Logger;
    },
  ) {
    this.#options = options;
    this.#deps = deps;
  }

  record(news: ObjectNews): void {
    const { uid = "" } = news.object.metadata;
    const key = [uid, news.type, news.reason, news.action, news.message].join("\n");
    const verdict = this.#series.judge(uid, key, this.#deps.clock.monotonicMs());
    if (verdict.kind === "drop") return;
    const send =
      verdict.kind === "create"
        ? () => this.#create(news, key)
        : () => this.#update(news, verdict.name, verdict.count).catch((error) => this.#forgetGone(key, error));
    if (!this.#queue.push(send, 1)) this.#series.forget(key);
    this.#draining ??= this.#drain();
  }

  /** Resolves when all that was recorded has been sent, or given up. */
  async flush(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    for (let send = this.#queue.shift(); send; send = this.#queue.shift()) {
      try {
        await send();
      } catch (error) {
        this.#deps.logger.info({ error: messageOf(error) }, "an event could not be sent");
      }
    }
    this.#draining = undefined;
  }

  async #create(news: ObjectNews, key: string): Promise<void> {
    const { clock, random, client } = this.#deps;
    const { name = "", namespace = "default", uid, resourceVersion } = news.object.metadata;
    const suffix = Math.floor(random() * 2 ** 48)
      .toString(16)
      .padStart(12, "0");
    // An object without a namespace has its events in `default`.
    const event = {
      apiVersion: apiVersionOf(EVENTS),
      kind: EVENTS.kind,
      metadata: { namespace, name: `${name.slice(0, 200)}.${suffix}` },
      eventTime: microTime(clock.wallMs()),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      action: news.action,
      reason: news.reason,
      type: news.type,
      note: news.message.slice(0, MAX_NOTE_CHARS),
      regarding: {
        apiVersion: apiVersionOf(news.resource),
        kind: news.resource.kind,
        name,
        ...(news.object.metadata.namespace === undefined ? {} : { namespace }),
        uid,
        resourceVersion,
      },
    };
    try {
      await client.create(EVENTS, event);
      this.#series.created(key, event.metadata.name);
    } catch (error) {
      this.#series.forget(key);
      throw error;
    }
  }

  async #update(news: ObjectNews, name: string, count: number): Promise<void> {
    const { clock, client } = this.#deps;
    const namespace = news.object.metadata.namespace ?? "default";
    const series = { count, lastObservedTime: microTime(clock.wallMs()) };
    await client.merge(EVENTS, { scope: { namespace, name }, body: { series } });
  }

  #forgetGone(key: string, error: unknown): void {
    if (statusOf(error) === 404) this.#series.forget(key);
    throw error;
  }
}
