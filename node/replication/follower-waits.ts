/**
 * Those who wait until followers have what was written (WAIT): what a slot's followers acknowledged against where its
 * log stood. A follower counts while its stream lasts and its log has the entry; whether it is on its disk, it need
 * not be.
 * Invariant: a wait ends with its count, its time, its signal, or with the leadership of one of its slots.
 */

import type { Clock } from "../base/clock.ts";
import type { TableId } from "../meta/ids.ts";

/** Where a slot's log stood when the wait began. */
export interface WaitTarget {
  readonly table: TableId;
  readonly slot: number;
  readonly index: number;
}

export interface WaitOptions {
  /** So many followers end the wait; 0 or less: it ends at once. */
  readonly count: number;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** The asker left: the wait ends, whatever it answers. */
  readonly signal: AbortSignal;
}

export interface FollowerProgressSource {
  /** Followers of a slot that is led here whose log has the entry `index`; undefined where it is not led here. */
  countFollowersAt(target: WaitTarget): number | undefined;
  /** Calls `changed` whenever an answer may be another. Returns how to stop that. */
  onProgress(changed: () => void): () => void;
}

/** The smallest number of followers that have all of `targets`; 0 where there are none, or one is not led here. */
export async function waitForFollowers(
  targets: readonly WaitTarget[],
  options: WaitOptions,
  deps: { readonly source: FollowerProgressSource; readonly clock: Clock },
): Promise<number> {
  const { source, clock } = deps;
  const counts = () => targets.map((target) => source.countFollowersAt(target));
  const isOver = () => {
    const now = counts();
    return now.includes(undefined) || smallest(now) >= options.count;
  };
  if (options.signal.aborted || isOver()) return smallest(counts());
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const forget = source.onProgress(() => {
    if (isOver()) end();
  });
  const timer = options.timeoutMs > 0 ? clock.after(options.timeoutMs, end) : undefined;
  options.signal.addEventListener("abort", end, { once: true });
  await promise;
  forget();
  timer?.cancel();
  options.signal.removeEventListener("abort", end);
  return smallest(counts());
}

function smallest(counts: readonly (number | undefined)[]): number {
  return counts.length === 0 ? 0 : Math.min(...counts.map((count) => count ?? 0));
}
