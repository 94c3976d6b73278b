/**
 * Keys of objects to look at, each at most once, in the order of how long they wait and how urgent they are.
 * Invariants: a key is never taken twice at once; a key added while it is worked on is taken again afterwards; no key
 * waits for ever, since a priority is a head start in time and not a rank; a delay never postpones what is due.
 * Pure: time and random numbers are arguments. Its size is bounded by the number of keys that exist; taking one looks
 * at all that wait, which for the thousands that one operator has is far below what one reconcile costs.
 */

import { assert } from "../../../node/base/assert.ts";
import { type BackoffOptions, backoffMs } from "../../../node/base/backoff.ts";

/** A person's edit, before what children did, before looking at everything again. */
export type Priority = "edit" | "change" | "resync";

/** How much later than an edit the others count as added. */
const HANDICAP_MS: Readonly<Record<Priority, number>> = { edit: 0, change: 1_000, resync: 30_000 };

export interface TakenKey {
  readonly key: string;
  /** Between its becoming due and now. */
  readonly waitedMs: number;
}

interface Waiting {
  /** Not before. */
  readonly dueMs: number;
  /** Order among those that are due: due time and handicap. */
  readonly rankMs: number;
}

export class WorkQueue {
  readonly #backoff: BackoffOptions;
  readonly #waiting = new Map<string, Waiting>();
  /** Keys being worked on, and what was added for them meanwhile. */
  readonly #taken = new Map<string, Waiting | undefined>();
  readonly #failures = new Map<string, number>();

  /** @param backoff of a key that failed, until it succeeds. */
  constructor(backoff: BackoffOptions) {
    this.#backoff = backoff;
  }

  /** Keys that are due or delayed; not those being worked on. */
  get count(): number {
    return this.#waiting.size;
  }

  get takenCount(): number {
    return this.#taken.size;
  }

  /** Adds a key; where it is there already the earlier time and the higher priority count. */
  add(key: string, options: { readonly priority: Priority; readonly delayMs?: number }, nowMs: number): void {
    const dueMs = nowMs + (options.delayMs ?? 0);
    const next = { dueMs, rankMs: dueMs + HANDICAP_MS[options.priority] };
    const isTaken = this.#taken.has(key);
    const before = isTaken ? this.#taken.get(key) : this.#waiting.get(key);
    const merged = before
      ? { dueMs: Math.min(before.dueMs, dueMs), rankMs: Math.min(before.rankMs, next.rankMs) }
      : next;
    if (isTaken) this.#taken.set(key, merged);
    else this.#waiting.set(key, merged);
  }

  /** Takes the key that is due and first in order. What it was delayed for is over: whoever works on it decides anew. */
  take(nowMs: number): TakenKey | undefined {
    let first: string | undefined;
    let best: Waiting | undefined;
    for (const [key, waiting] of this.#waiting) {
      if (waiting.dueMs > nowMs || (best && waiting.rankMs >= best.rankMs)) continue;
      first = key;
      best = waiting;
    }
    if (first === undefined || !best) return undefined;
    this.#waiting.delete(first);
    this.#taken.set(first, undefined);
    return { key: first, waitedMs: nowMs - best.dueMs };
  }

  /** Work on the key succeeded. */
  succeed(key: string): void {
    this.#failures.delete(key);
    this.#giveBack(key);
  }

  /**
   * Work on the key failed: it comes again, later each time.
   * @param random in [0, 1). @returns the wait, ms.
   */
  fail(key: string, nowMs: number, random: number): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delayMs = backoffMs(this.#backoff, failures, random);
    this.#giveBack(key);
    const again = this.#waiting.get(key);
    // A person's edit may be the cure. Other changes wait too, or work that causes some before it fails is never slowed.
    if (again && again.rankMs === again.dueMs) return 0;
    const dueMs = nowMs + delayMs;
    this.#waiting.set(key, { dueMs, rankMs: dueMs + HANDICAP_MS.change });
    return delayMs;
  }

  /** When the next key is due; undefined where there is none. */
  nextDueMs(): number | undefined {
    let next: number | undefined;
    for (const { dueMs } of this.#waiting.values()) if (next === undefined || dueMs < next) next = dueMs;
    return next;
  }

  /** Drops what waits, and what is known of failures. */
  clear(): void {
    this.#waiting.clear();
    this.#failures.clear();
  }

  #giveBack(key: string): void {
    assert(this.#taken.has(key), "a key is given back by whoever took it");
    const again = this.#taken.get(key);
    this.#taken.delete(key);
    if (again) this.#waiting.set(key, again);
  }
}
