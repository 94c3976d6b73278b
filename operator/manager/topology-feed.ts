/**
 * The topology as nodes ask for it: the newest, the difference to the one they have, and waiting for the next.
 * Keeps the last topologies in memory; who is further behind gets the whole.
 */

import type { Clock } from "../../node/base/clock.ts";
import type { TopologyReply } from "../../node/meta/manager-api.ts";
import type { Topology } from "../../node/meta/topology.ts";
import { encodeTopology } from "../../node/meta/topology-codec.ts";
import { diffTopology } from "../../node/meta/topology-delta.ts";

/** Topologies kept; they share what did not change. */
const HISTORY_COUNT = 64;

export class TopologyFeed {
  readonly #clock: Clock;
  #history: Topology[] = [];
  readonly #waiters = new Set<() => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get current(): Topology | undefined {
    return this.#history.at(-1);
  }

  /** Takes a topology of a new epoch; one of the same epoch replaces it (the list of managers may differ). */
  publish(topology: Topology): void {
    const isNew = topology.epoch !== this.current?.epoch;
    if (!isNew) this.#history.pop();
    this.#history.push(topology);
    if (this.#history.length > HISTORY_COUNT) this.#history.shift();
    if (isNew) this.#wake();
  }

  /** Resolves once there is an epoch above `epoch`, after `waitMs`, or when the feed is closed or `signal` aborts. */
  waitAbove(epoch: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isClosed || signal.aborted || (this.current?.epoch ?? 0) > epoch) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = () => {
      this.#waiters.delete(finish);
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = this.#clock.after(waitMs, finish);
    this.#waiters.add(finish);
    signal.addEventListener("abort", finish, { once: true });
    return promise;
  }

  /** What takes a node from `epoch` (0: it has none) to the newest. */
  since(epoch: number): TopologyReply | undefined {
    const newest = this.current;
    if (newest === undefined) return undefined;
    if (epoch === newest.epoch && epoch > 0) return { kind: "same", epoch };
    const known = epoch === 0 ? undefined : this.#history.find((topology) => topology.epoch === epoch);
    if (known === undefined) return { kind: "whole", topology: encodeTopology(newest) };
    return { kind: "delta", delta: diffTopology(known, newest) };
  }

  /** Ends all waits. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}
