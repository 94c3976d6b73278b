/**
 * The dirty entries of one slot in the order in which they became dirty, in typed arrays.
 * Invariant: an entry knows its position (word 4), so that it can be replaced when it moves and taken out in O(1);
 * a position that was taken out holds ref 0.
 */

import type { Ref } from "./slab.ts";
import type { StoreBatch } from "./store.ts";

const FIRST_CAPACITY = 16;
/** A sort key of 33 bits and a position of 20 fit a double. */
const MAX_QUICKLY_SORTED = 1 << 20;

/** The numbers below `count` in the order of `keys`, which are whole numbers below 2^33. */
export function orderByKey(keys: ArrayLike<number>, count: number): Uint32Array {
  const order = new Uint32Array(count);
  if (count > MAX_QUICKLY_SORTED) {
    // Only where flushes were held up for long: sorting by a function takes ten times as long.
    for (let i = 0; i < count; i++) order[i] = i;
    return order.sort((left, right) => (keys[left] as number) - (keys[right] as number) || left - right);
  }
  const joined = new Float64Array(count);
  for (let i = 0; i < count; i++) joined[i] = (keys[i] as number) * MAX_QUICKLY_SORTED + i;
  joined.sort();
  for (let i = 0; i < count; i++) order[i] = (joined[i] as number) % MAX_QUICKLY_SORTED;
  return order;
}

export class DirtyList {
  refs = new Int32Array(FIRST_CAPACITY);
  /** What orders each entry by its database key, roughly; pages behind records. */
  sortKeys = new Float64Array(FIRST_CAPACITY);
  /** Positions in use, those taken out included. */
  count = 0;
  /** Bytes of the entries in it, headers included. */
  sizeBytes = 0;

  /** Adds an entry and answers its position. */
  add(ref: Ref, sortKey: number): number {
    if (this.count === this.refs.length) this.#grow();
    const position = this.count++;
    this.refs[position] = ref;
    this.sortKeys[position] = sortKey;
    return position;
  }

  /** The positions in the order of the entries' database keys. */
  order(): Uint32Array {
    return orderByKey(this.sortKeys, this.count);
  }

  #grow(): void {
    const refs = new Int32Array(2 * this.refs.length);
    refs.set(this.refs);
    this.refs = refs;
    const sortKeys = new Float64Array(2 * this.sortKeys.length);
    sortKeys.set(this.sortKeys);
    this.sortKeys = sortKeys;
  }
}

/** Writes that are kept as copies until the batch that they belong to is made. */
export class EarlyWrites {
  readonly #operations: { readonly key: Buffer; readonly value: Buffer | undefined }[] = [];

  put(key: Buffer, value: Buffer): void {
    this.#operations.push({ key: Buffer.from(key), value: Buffer.from(value) });
  }

  delete(key: Buffer): void {
    this.#operations.push({ key: Buffer.from(key), value: undefined });
  }

  addTo(batch: StoreBatch): void {
    for (const { key, value } of this.#operations) {
      if (value) batch.put(key, value);
      else batch.delete(key);
    }
  }
}
