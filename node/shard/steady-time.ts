/**
 * Time that neither goes back nor stands still. Where the clock is behind it (it was set back, or the time comes from
 * a node whose clock is ahead), it goes on at half the speed of the monotonic clock until the clock has caught up: what
 * expires goes on to expire, late by a factor of two at most, and a small step back is made up for soon.
 * Invariant: what `advance` gives never decreases.
 */

/** Slower than the clock, so that the clock catches up; fast enough that nothing waits much longer than it asked for. */
const SPEED = 0.5;

export class SteadyTime {
  /** With its fraction: callers ask many times a millisecond. */
  #ms = 0;
  #monotonicMs = 0;

  /** The time now, in whole ms: that of the clock where it is not behind. */
  advance(clockMs: number, monotonicMs: number): number {
    const ownMs = this.#ms + (monotonicMs - this.#monotonicMs) * SPEED;
    this.#monotonicMs = monotonicMs;
    this.#ms = Math.max(clockMs, ownMs);
    return Math.floor(this.#ms);
  }
}
