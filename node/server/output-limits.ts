/**
 * How much unsent output a connection may have. Redis has no limit for normal clients; here a connection first stops
 * being read (HIGH_WATER_BYTES), so only single replies can go further, and these limits end what never drains.
 */

export interface OutputLimits {
  /** More than this closes the client at once; 0 for no limit. */
  readonly hardBytes: number;
  /** More than this for `softSeconds` without falling below closes it; 0 for no limit. */
  readonly softBytes: number;
  readonly softSeconds: number;
}

/** One value of the largest size and its like fit; what does not drain within a minute is cut. */
export const DEFAULT_OUTPUT_LIMITS: OutputLimits = {
  hardBytes: 1024 * 1024 * 1024,
  softBytes: 256 * 1024 * 1024,
  softSeconds: 60,
};

/** With more unsent output than this a connection's commands wait: a slow reader slows itself down only. */
export const HIGH_WATER_BYTES = 1024 * 1024;

/** Watches one connection against the limits. */
export class OutputGuard {
  #softSinceMs = -1;

  /** Undefined, or why the client must be closed. */
  check(unsentBytes: number, limits: OutputLimits, nowMs: number): string | undefined {
    if (limits.hardBytes > 0 && unsentBytes > limits.hardBytes) return "output buffer beyond its hard limit";
    if (limits.softBytes === 0 || unsentBytes <= limits.softBytes) {
      this.#softSinceMs = -1;
      return undefined;
    }
    if (this.#softSinceMs < 0) this.#softSinceMs = nowMs;
    const isLong = nowMs - this.#softSinceMs >= 1000 * limits.softSeconds;
    return isLong ? "output buffer beyond its soft limit for too long" : undefined;
  }
}
