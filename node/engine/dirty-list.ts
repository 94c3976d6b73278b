/**
 * The dirty entries of one slot in the order in which they became dirty, in typed arrays.
 * Invariant: an entry knows its position (word 4), so that it can be replaced when it moves and taken out in O(1);
 * a position that was taken out holds ref 0.
 */

import type { Ref } from "./slab.ts";
import type { StoreBatch } from "./store.ts";

const FIRST_CAPACITY = 16;
/** Positions fit 20 bits, so that kind, sort key and position fit a double: some millions of bytes have fewer entries. */
export const MAX_DIRTY_ENTRIES = 1 << 20;

export class DirtyList {
  refs = new Int32Array(FIRST_CAPACITY);
  /** What orders each entry by its database key, roughly; pages behind records. */
  sortKeys = new Float64Array(FIRST_CAPACITY);
  /** Positions in use, those taken out included. */
  count = 0;
  /** Bytes of keys and values of the entries in it. */
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
    const keys = new Float64Array(this.count);
    for (let i = 0; i < this.count; i++) keys[i] = (this.sortKeys[i] as number) * MAX_DIRTY_ENTRIES + i;
    keys.sort();
    const order = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) order[i] = (keys[i] as number) % MAX_DIRTY_ENTRIES;
    return order;
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
