/**
 * CLIENT PAUSE: until a moment, commands of clients (all, or those that write) wait instead of running.
 * Invariant: who waits is connected; a client waits for one command at most.
 */

import type { Clock, Timer } from "../base/clock.ts";

/** Who waits: a client, as far as the pause needs it. */
interface Waiter {
  wake(): void;
}

export class ClientPause {
  readonly #clock: Clock;
  #what: "none" | "write" | "all" = "none";
  #endMs = 0;
  #timer: Timer | undefined;
  #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Clients whose command waits. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  get isActive(): boolean {
    return this.#what !== "none";
  }

  /** Begins or prolongs a pause; the stronger of two kinds and the later of two ends hold. */
  begin(durationMs: number, what: "all" | "write"): void {
    const endMs = this.#clock.monotonicMs() + durationMs;
    this.#endMs = this.isActive ? Math.max(this.#endMs, endMs) : endMs;
    if (this.#what !== "all") this.#what = what;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(this.#endMs - this.#clock.monotonicMs(), () => this.end());
  }

  /** Ends the pause: those who wait go on. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#what = "none";
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const waiter of waiting) waiter.wake();
  }

  /** Whether a command has to wait. */
  holds(isWrite: boolean): boolean {
    return this.#what === "all" || (this.#what === "write" && isWrite);
  }

  /** Wakes the client at the end of the pause. */
  wait(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  isWaiting(waiter: Waiter): boolean {
    return this.#waiting.has(waiter);
  }

  /** The client has left. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }
}
