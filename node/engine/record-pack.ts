/**
 * Records of one slot as a scan needs them, in the order of (hash, key), packed into one buffer: hash, user key and
 * the first bytes of the value, which hold its header. A scan of a million records takes the room of its keys, not of
 * its values, and no object for each. Records are only ever added at the end.
 */

import { RECORD_KEY_OFFSET, recordKeyHash } from "./key-codec.ts";
import { MAX_RECORD_HEADER_BYTES } from "./record-format.ts";
import type { StoreEntry } from "./store.ts";
import type { View } from "./transaction.ts";

/** What is kept of a value: a scan looks at type and expiry alone. */
export const SCANNED_VALUE_BYTES = MAX_RECORD_HEADER_BYTES;

const FIRST_BYTES = 1024;
const FIRST_COUNT = 32;

export class RecordPack {
  count = 0;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #usedBytes = 0;
  #hashes = new Uint32Array(FIRST_COUNT);
  /** Of each record: where its key starts and where its value does; a value ends where the next key starts. */
  #offsets = new Uint32Array(2 * FIRST_COUNT);

  /** Adds a record of the database; its key is at or behind the last one. */
  add({ key, value }: StoreEntry): void {
    const keyBytes = key.length - RECORD_KEY_OFFSET;
    const valueBytes = Math.min(value.length, SCANNED_VALUE_BYTES);
    this.#reserve(keyBytes + valueBytes);
    const start = this.#usedBytes;
    key.copy(this.#bytes, start, RECORD_KEY_OFFSET);
    value.copy(this.#bytes, start + keyBytes, 0, valueBytes);
    this.#hashes[this.count] = recordKeyHash(key);
    this.#offsets[2 * this.count] = start;
    this.#offsets[2 * this.count + 1] = start + keyBytes;
    this.#usedBytes = start + keyBytes + valueBytes;
    this.count++;
  }

  hashAt(index: number): number {
    return this.#hashes[index] as number;
  }

  /** The first record whose hash is at least `hash`; `count` where there is none. */
  firstFrom(hash: number): number {
    let low = 0;
    for (let high = this.count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.hashAt(middle) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Shows the user key of a record. */
  viewKey(index: number, out: View): void {
    out.buf = this.#bytes;
    out.start = this.#offsets[2 * index] as number;
    out.end = this.#offsets[2 * index + 1] as number;
  }

  /** Shows the first SCANNED_VALUE_BYTES of a record's value. */
  viewValue(index: number, out: View): void {
    out.buf = this.#bytes;
    out.start = this.#offsets[2 * index + 1] as number;
    out.end = index + 1 < this.count ? (this.#offsets[2 * index + 2] as number) : this.#usedBytes;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#usedBytes + sizeBytes;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#usedBytes);
      this.#bytes = grown;
    }
    if (this.count < this.#hashes.length) return;
    this.#hashes = grownTwice(this.#hashes);
    this.#offsets = grownTwice(this.#offsets);
  }
}

function grownTwice(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * array.length);
  grown.set(array);
  return grown;
}
