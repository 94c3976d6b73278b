/**
 * Which of several operators acts, by a Lease.
 * Invariants: `isFresh` is true only while less than the renew deadline passed since the *sending* of the last renewal
 * that was answered, by the monotonic clock, and the deadline is shorter than what others wait; every write is guarded
 * by the version that was read; it never gives up. At its stop it lets the Lease go, so that another acts at once.
 * A Lease that somebody deleted is made again by whoever comes first.
 */

import { backoffMs } from "../../node/base/backoff.ts";
import { type Clock, delay, type Timer } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import { statusOf } from "./api-error.ts";
import type { Resource } from "./core/api-object.ts";
import { type Lease, type LeaseOptions, LeaseRecord, leaseToWrite } from "./core/lease-record.ts";
import type { Fence } from "./fence.ts";
import type { KubeClient } from "./kube-client.ts";

export interface LeaseElectorOptions extends LeaseOptions {
  /** Below `durationMs` by more than clocks drift meanwhile: 10 s of 15 s. */
  readonly renewDeadlineMs: number;
  /** Between two looks: 2 s. */
  readonly retryMs: number;
}

export interface LeaseElectorDeps {
  /** With a connection of its own: a Lease must not wait behind a list. */
  readonly client: KubeClient;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** It leads, or it does not any more. Called from inside: no waiting. */
  readonly onChange: (isLeading: boolean) => void;
}

const LEASES: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  isNamespaced: true,
};

export class LeaseElector implements Service, Fence {
  readonly #options: LeaseElectorOptions;
  readonly #deps: LeaseElectorDeps;
  readonly #record: LeaseRecord;
  #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  #expiry: Timer | undefined;
  #isLeading = false;

  constructor(options: LeaseElectorOptions, deps: LeaseElectorDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#record = new LeaseRecord(options.identity);
  }

  get isFresh(): boolean {
    return this.#isLeading && this.#deps.clock.monotonicMs() < this.#freshUntilMs;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#stopping = new AbortController();
    this.#running = this.#run(this.#stopping.signal);
  }

  /** Stop what it fences first: it lets the Lease go. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#stopping.abort(new OperatingError("Stopped", "the elector stops"));
    await this.#running;
    this.#running = undefined;
    const wasLeading = this.isFresh;
    this.#lose("it stops");
    if (wasLeading) await this.#release();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const { retryMs } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#round(signal);
      } catch (error) {
        if (!signal.aborted) logger.info({ error: messageOf(error) }, "the Lease could not be read or written");
      }
      const pause = { initialMs: retryMs, maxMs: retryMs };
      await delay(clock, backoffMs(pause, 0, random()), signal).catch(() => {});
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, client } = this.#deps;
    const { namespace, name } = this.#options;
    // Its own last write tells a leader all; everybody else has to look.
    if (!this.#isLeading) {
      const read = await client.get<Lease>(LEASES, { namespace, name }, this.#call(signal));
      this.#record.observe(read, clock.monotonicMs());
    }
    const step = this.#record.step(clock.monotonicMs());
    if (step === "wait") return this.#lose("another holds the Lease");
    const sentAtMs = clock.monotonicMs();
    try {
      this.#record.observe(await this.#write(true, signal), clock.monotonicMs());
      this.#gain(sentAtMs);
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      const read = await client.get<Lease>(LEASES, { namespace, name }, this.#call(signal));
      this.#record.observe(read, clock.monotonicMs());
      if (this.#record.step(clock.monotonicMs()) === "wait") this.#lose("another took the Lease");
    }
  }

  #write(isHeld: boolean, signal: AbortSignal | undefined): Promise<Lease> {
    const { client, clock } = this.#deps;
    const current = this.#record.lease;
    const lease = leaseToWrite(current, this.#options, { wallMs: clock.wallMs(), isHeld });
    const call = this.#call(signal);
    return current === undefined ? client.create(LEASES, lease, call) : client.update(LEASES, lease, call);
  }

  #call(signal: AbortSignal | undefined) {
    // Two tries fit into the deadline.
    return { timeoutMs: this.#options.renewDeadlineMs / 2, ...(signal === undefined ? {} : { signal }) };
  }

  #gain(sentAtMs: number): void {
    const { clock, logger, onChange } = this.#deps;
    this.#freshUntilMs = sentAtMs + this.#options.renewDeadlineMs;
    this.#expiry?.cancel();
    const leftMs = Math.max(0, this.#freshUntilMs - clock.monotonicMs());
    this.#expiry = clock.after(leftMs, () => this.#lose("it could not be renewed in time"));
    if (this.#isLeading) return;
    this.#isLeading = true;
    logger.info({ identity: this.#options.identity }, "this operator leads");
    onChange(true);
  }

  #lose(why: string): void {
    this.#expiry?.cancel();
    if (!this.#isLeading) return;
    this.#isLeading = false;
    this.#deps.logger.warn({ why }, "this operator does not lead any more");
    this.#deps.onChange(false);
  }

  async #release(): Promise<void> {
    try {
      await this.#write(false, undefined);
    } catch (error) {
      this.#deps.logger.info({ error: messageOf(error) }, "the Lease could not be let go; it runs out");
    }
  }
}

/** It changed, or was made or deleted, since it was read. */
function isOvertaken(error: unknown): boolean {
  return statusOf(error) === 409 || statusOf(error) === 404;
}
