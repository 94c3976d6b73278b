/**
 * Whether this operator is alive and ready, from what its parts tell.
 * Alive: no reflector hangs. That the API server is away, or refuses, is no reason to be restarted: each try counts.
 * Ready: every cache has synced and it isn't stopping.
 */

export interface WatchedCache {
  readonly name: string;
  readonly hasSynced: boolean;
  /** On the monotonic clock. */
  readonly lastStepMs: number;
  readonly lastError: string | undefined;
}

/** Bookmarks come each minute, a silent watch ends after 2.5, waits last one, a request one: beyond all of it. */
export const HANG_MS = 10 * 60_000;

/** What hangs; empty where it is alive. */
export function findHanging(caches: readonly WatchedCache[], nowMs: number): readonly string[] {
  return caches
    .filter(({ lastStepMs }) => nowMs - lastStepMs > HANG_MS)
    .map(({ name, lastStepMs }) => `${name}: nothing happened for ${Math.round((nowMs - lastStepMs) / 1000)} s`);
}

/** What is waited for; empty where it is ready. */
export function findUnsynced(caches: readonly WatchedCache[]): readonly string[] {
  return caches
    .filter(({ hasSynced }) => !hasSynced)
    .map(({ name, lastError }) => `${name}: not listed yet${lastError === undefined ? "" : ` (${lastError})`}`);
}
