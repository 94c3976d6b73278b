/**
 * Writes the status of the objects that users own, by server-side apply on the status subresource.
 * Invariants: nothing is sent where the status says the same; transition times change with a condition's status only;
 * one object's status is written at most once a second, so that a controller that cannot make up its mind is harmless.
 */

import type { Clock } from "../../node/base/clock.ts";
import { apiVersionOf, type KubeObject, keyOf, type Resource } from "./core/api-object.ts";
import { type ConditionedStatus, isSameStatus, withTransitionTimes } from "./core/status-change.ts";
import { type Fence, requireFresh } from "./fence.ts";
import type { KubeClient } from "./kube-client.ts";
import type { ObjectStore } from "./object-store.ts";

export type StatusResult =
  | { readonly kind: "Unchanged" | "Written" }
  /** Written less than a second ago: come again. */
  | { readonly kind: "TooSoon"; readonly retryAfterMs: number };

export interface StatusCall {
  readonly resource: Resource;
  readonly store: ObjectStore<KubeObject>;
  readonly signal?: AbortSignal;
}

export interface ObjectWithStatus extends KubeObject {
  readonly status?: ConditionedStatus;
}

export const MIN_INTERVAL_MS = 1000;

export class StatusWriter {
  readonly #fieldManager: string;
  readonly #deps: { readonly client: KubeClient; readonly fence: Fence; readonly clock: Clock };
  /** When each object's status was last written, by UID, oldest first; those older than the interval are dropped. */
  readonly #writtenAtMs = new Map<string, number>();

  constructor(
    options: { readonly fieldManager: string },
    deps: { readonly client: KubeClient; readonly fence: Fence; readonly clock: Clock },
  ) {
    this.#fieldManager = options.fieldManager;
    this.#deps = deps;
  }

  /** @param live as it was read from the cache; @param status all of it: what is left out is taken away. */
  async write(live: ObjectWithStatus, status: ConditionedStatus, call: StatusCall): Promise<StatusResult> {
    const { clock, client, fence } = this.#deps;
    const next = withTransitionTimes(live.status, status, clock.wallMs());
    if (isSameStatus(live.status, next)) return { kind: "Unchanged" };
    const { name = "", namespace, uid = "" } = live.metadata;
    const nowMs = clock.monotonicMs();
    this.#forgetBefore(nowMs - MIN_INTERVAL_MS);
    const writtenAtMs = this.#writtenAtMs.get(uid);
    if (writtenAtMs !== undefined) return { kind: "TooSoon", retryAfterMs: writtenAtMs + MIN_INTERVAL_MS - nowMs };
    requireFresh(fence, `write the status of ${call.resource.kind} ${keyOf(live)}`);
    this.#writtenAtMs.set(uid, nowMs);
    const metadata = { name, uid, ...(namespace === undefined ? {} : { namespace }) };
    const object = { apiVersion: apiVersionOf(call.resource), kind: call.resource.kind, metadata, status: next };
    const written = await client.apply(call.resource, object, {
      fieldManager: this.#fieldManager,
      isForced: true,
      subresource: "status",
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    call.store.put(written);
    return { kind: "Written" };
  }

  #forgetBefore(timeMs: number): void {
    for (const [uid, writtenAtMs] of this.#writtenAtMs) {
      if (writtenAtMs > timeMs) return;
      this.#writtenAtMs.delete(uid);
    }
  }
}
