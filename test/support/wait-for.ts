/** Waiting for a condition with a deadline, instead of sleeping. */

import { delay, SystemClock } from "../../node/base/clock.ts";

const clock = new SystemClock();

/**
 * Asks until the answer is not undefined, null or false, and gives it.
 * @throws Error with `what` (or the last error) when the deadline passes.
 */
export async function waitFor<T>(
  ask: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly what?: string } = {},
): Promise<NonNullable<T>> {
  const deadline = clock.monotonicMs() + (options.timeoutMs ?? 15_000);
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      last = undefined;
      if (answer !== undefined && answer !== null && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    if (clock.monotonicMs() > deadline) {
      throw new Error(`waited in vain for ${options.what ?? "a condition"}`, { cause: last });
    }
    await delay(clock, 10);
  }
}
