/** A clock that runs many times as fast as the system's, for waits of minutes beside real processes. */

import { type Clock, SystemClock, type Timer } from "../../node/base/clock.ts";

export class HastyClock implements Clock {
  readonly #factor: number;
  readonly #clock = new SystemClock();
  readonly #startMs = this.#clock.wallMs();

  constructor(factor: number) {
    this.#factor = factor;
  }

  wallMs(): number {
    return Math.floor(this.#startMs + (this.#clock.wallMs() - this.#startMs) * this.#factor);
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs() * this.#factor;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs / this.#factor, run);
  }
}
