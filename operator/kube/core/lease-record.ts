/**
 * Whose Lease it is, by what was seen of it and when. A holder counts as gone only when its record did not change for
 * the record's own duration on this process's monotonic clock: clocks of different machines are never compared.
 * Source: the Lease of coordination.k8s.io/v1. Pure.
 */

import type { V1Lease } from "@kubernetes/client-node";
import type { Wire } from "./api-object.ts";

export type Lease = Wire<V1Lease> & { readonly metadata: NonNullable<Wire<V1Lease>["metadata"]> };

export interface LeaseOptions {
  /** Of this process alone, also across restarts. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  /** How long others wait after the last renewal that they saw. */
  readonly durationMs: number;
}

export type LeaseStep = "create" | "take" | "renew" | "wait";

export class LeaseRecord {
  readonly #identity: string;
  #lease: Lease | undefined;
  #changedAtMs = 0;
  /** For how long the last holder seen may act, after the last change seen. */
  #holdMs = 0;

  constructor(identity: string) {
    this.#identity = identity;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** @param lease as the server has it; undefined: there is none. */
  observe(lease: Lease | undefined, nowMs: number): void {
    const isSame =
      lease?.metadata.uid === this.#lease?.metadata.uid &&
      lease?.metadata.resourceVersion === this.#lease?.metadata.resourceVersion;
    this.#lease = lease;
    if (!isSame) this.#changedAtMs = nowMs;
    if (lease === undefined) return;
    const { holderIdentity: holder, leaseDurationSeconds: seconds } = lease.spec ?? {};
    this.#holdMs = holder && holder !== this.#identity ? (seconds ?? 0) * 1000 : 0;
  }

  step(nowMs: number): LeaseStep {
    if (this.#lease?.spec?.holderIdentity === this.#identity) return "renew";
    // A Lease that was deleted ends nobody's hold on it either.
    if (this.#holdMs === 0 || nowMs - this.#changedAtMs > this.#holdMs) return this.#lease ? "take" : "create";
    return "wait";
  }
}

/** The Lease to create, or to put in the place of `current` (which its version guards). */
export function leaseToWrite(
  current: Lease | undefined,
  options: LeaseOptions,
  now: { readonly wallMs: number; readonly isHeld: boolean },
): Lease {
  const time = microTime(now.wallMs);
  const isOurs = current?.spec?.holderIdentity === options.identity;
  const transitions = current?.spec?.leaseTransitions ?? 0;
  const isNewHolder = current !== undefined && !isOurs;
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: current?.metadata ?? { name: options.name, namespace: options.namespace },
    spec: {
      holderIdentity: now.isHeld ? options.identity : "",
      // Let go of: whoever waits takes it at once. The API wants a positive number.
      leaseDurationSeconds: now.isHeld ? Math.ceil(options.durationMs / 1000) : 1,
      acquireTime: (isOurs ? current?.spec?.acquireTime : undefined) ?? time,
      renewTime: time,
      leaseTransitions: isNewHolder ? transitions + 1 : transitions,
    },
  };
}

/** `2026-01-02T03:04:05.678000Z`: the API's MicroTime. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}
