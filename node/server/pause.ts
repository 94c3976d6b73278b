/**
 * CLIENT PAUSE: until a moment, commands of clients (all, or those that write) wait instead of running.
 */

import type { Clock, Timer } from "../base/clock.ts";

export class ClientPause {
  readonly #clock: Clock;
  #what: "none" | "write" | "all" = "none";
  #endMs = 0;
  #timer: Timer | undefined;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
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
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Whether a command has to wait. */
  holds(isWrite: boolean): boolean {
    return this.#what === "all" || (this.#what === "write" && isWrite);
  }

  /** Calls `resume` at the end of the pause. */
  wait(resume: () => void): void {
    this.#waiting.push(resume);
  }
}
