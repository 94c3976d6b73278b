/**
 * A clock that stands still until it is told to advance. Timers fire in the order of their times, ties in the order
 * of their making, with both clocks showing the timer's moment. Microtasks between timers are run by `settle`.
 */

import type { Clock, Timer } from "../../node/base/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualClock implements Clock {
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #order = 0;
  #pending: Pending[] = [];

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallOffsetMs = wallMs;
  }

  wallMs(): number {
    return Math.floor(this.#monotonicMs + this.#wallOffsetMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: Pending = { atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#pending.push(timer);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== timer);
      },
    };
  }

  /** Moves the wall clock alone, as an administrator or NTP would. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Advances by `byMs`, firing what falls due on the way. */
  advance(byMs: number): void {
    const endMs = this.#monotonicMs + byMs;
    for (let next = this.#due(endMs); next; next = this.#due(endMs)) this.#fire(next);
    this.#monotonicMs = endMs;
  }

  /** As `advance`, but lets promises that a timer resolved run before the next timer. */
  async advanceAsync(byMs: number): Promise<void> {
    const endMs = this.#monotonicMs + byMs;
    await settle();
    for (let next = this.#due(endMs); next; next = this.#due(endMs)) {
      this.#fire(next);
      await settle();
    }
    this.#monotonicMs = endMs;
  }

  #due(endMs: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.atMs > endMs) continue;
      if (!first || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  }

  #fire(timer: Pending): void {
    this.#pending = this.#pending.filter((other) => other !== timer);
    this.#monotonicMs = Math.max(this.#monotonicMs, timer.atMs);
    timer.run();
  }
}

/** Lets everything that is ready to run do so: promises, and one round of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
