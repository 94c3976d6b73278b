/** Long work in slices of about a millisecond, with turns of the event loop between, so that no command waits for it. */

import type { Clock } from "../base/clock.ts";

const SLICE_MS = 1;
/** Steps between two looks at the clock; a power of two. */
const STEPS = 32;

export class Pace {
  readonly #clock: Clock;
  #startedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** Whether the slice is over after step number `step`. */
  isDue(step: number): boolean {
    return (step & (STEPS - 1)) === STEPS - 1 && this.#clock.monotonicMs() - this.#startedMs >= SLICE_MS;
  }

  /** Lets the event loop turn once and starts the next slice. */
  async nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#startedMs = this.#clock.monotonicMs();
  }
}
