/**
 * How long to wait before the next try: exponential with full jitter between half and the whole of the step.
 * Pure: the random number is an argument.
 */

export interface BackoffOptions {
  /** The first step, ms. */
  readonly initialMs: number;
  /** No step is longer, ms. */
  readonly maxMs: number;
  /** Growth from step to step; 2 when absent. */
  readonly factor?: number;
}

/**
 * The wait before try number `attempt` (0 for the first retry), ms.
 * @param random a number in [0, 1).
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const step = Math.min(options.maxMs, options.initialMs * (options.factor ?? 2) ** attempt);
  return step / 2 + (step / 2) * random;
}
