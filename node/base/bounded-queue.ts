/**
 * A first-in-first-out queue with a limit in items and one in weight (bytes). What does not fit is refused,
 * and the caller decides what that means. O(1) amortised, and it keeps no reference to what was taken.
 */

import { assert } from "./assert.ts";

export interface QueueLimits {
  readonly maxCount: number;
  readonly maxWeight: number;
}

interface Weighted<T> {
  readonly item: T;
  readonly weight: number;
}

/** Slots of taken items are reclaimed once this many lie at the front. */
const COMPACT_AT = 1024;

export class BoundedQueue<T> {
  readonly #limits: QueueLimits;
  #items: (Weighted<T> | undefined)[] = [];
  #head = 0;
  #weight = 0;

  constructor(limits: QueueLimits) {
    assert(limits.maxCount > 0 && limits.maxWeight > 0, "a queue's limits are above 0");
    this.#limits = limits;
  }

  get count(): number {
    return this.#items.length - this.#head;
  }

  get weight(): number {
    return this.#weight;
  }

  /** Adds an item; false, and nothing changed, where it would pass a limit. An empty queue takes an item of any weight. */
  push(item: T, weight: number): boolean {
    if (this.count >= this.#limits.maxCount) return false;
    if (this.count > 0 && this.#weight + weight > this.#limits.maxWeight) return false;
    this.#items.push({ item, weight });
    this.#weight += weight;
    return true;
  }

  /** Takes the oldest item; undefined when empty. */
  shift(): T | undefined {
    const first = this.#items[this.#head];
    if (first === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    this.#weight -= first.weight;
    if (this.#head >= COMPACT_AT && 2 * this.#head >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return first.item;
  }

  /** The oldest item, left in place. */
  peek(): T | undefined {
    return this.#items[this.#head]?.item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#weight = 0;
  }
}
