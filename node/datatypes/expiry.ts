/**
 * Arithmetic of expiry times: from what a client says (seconds or milliseconds, from now or since 1970, 64 bits) to
 * the absolute milliseconds that a record stores, and back. Pure numbers; whether a time has come is `isPast`.
 *
 * A time that fits Redis's 64 bits but not a double's 53 (after the year 287396) is stored as the last one that does:
 * it never comes either way.
 */

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MAX_MS = BigInt(Number.MAX_SAFE_INTEGER);
/** Below this, all arithmetic is exact in doubles. */
const SMALL = 2 ** 42;

/** How a command's time is meant. */
export interface TimeUnit {
  /** Milliseconds in one unit: 1000 or 1. */
  readonly unitMs: number;
  /** Whether it counts from now; else since 1970. */
  readonly isRelative: boolean;
}

export const SECONDS: TimeUnit = { unitMs: 1000, isRelative: true };
export const MILLISECONDS: TimeUnit = { unitMs: 1, isRelative: true };
export const UNIX_SECONDS: TimeUnit = { unitMs: 1000, isRelative: false };
export const UNIX_MILLISECONDS: TimeUnit = { unitMs: 1, isRelative: false };

/**
 * The absolute time of a client's `amount` in milliseconds since 1970; may be negative or past.
 * Undefined where it does not fit 64 bits.
 */
export function toAbsoluteMs(amount: number | bigint, unit: TimeUnit, nowMs: number): number | undefined {
  if (typeof amount === "number" && amount > -SMALL && amount < SMALL) {
    return amount * unit.unitMs + (unit.isRelative ? nowMs : 0);
  }
  const scaled = BigInt(amount) * BigInt(unit.unitMs);
  if (scaled > MAX_INT64 || scaled < MIN_INT64) return undefined;
  const at = scaled + (unit.isRelative ? BigInt(nowMs) : 0n);
  if (at > MAX_INT64) return undefined;
  if (at > MAX_MS) return Number.MAX_SAFE_INTEGER;
  return at < -MAX_MS ? Number.MIN_SAFE_INTEGER : Number(at);
}

/** Whether a key that expires at `expireAtMs` is gone at `nowMs`. */
export function isPast(expireAtMs: number, nowMs: number): boolean {
  return expireAtMs <= nowMs;
}

/** Milliseconds left, never negative. */
export function remainingMs(expireAtMs: number, nowMs: number): number {
  return Math.max(0, expireAtMs - nowMs);
}

/** Milliseconds as whole seconds, rounded as TTL and EXPIRETIME do. */
export function toSeconds(ms: number): number {
  return Math.floor((ms + 500) / 1000);
}

/** The conditions NX XX GT LT of EXPIRE. */
export interface ExpireCondition {
  readonly nx: boolean;
  readonly xx: boolean;
  readonly gt: boolean;
  readonly lt: boolean;
}

/** Whether a key that expires at `currentMs` (0: never) may get the expiry `wantedMs`. "Never" counts as later than all. */
export function mayExpireAt(condition: ExpireCondition, currentMs: number, wantedMs: number): boolean {
  if (condition.nx && currentMs !== 0) return false;
  if (condition.xx && currentMs === 0) return false;
  if (condition.gt && (currentMs === 0 || wantedMs <= currentMs)) return false;
  return !(condition.lt && currentMs !== 0 && wantedMs >= currentMs);
}
