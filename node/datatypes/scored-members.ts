/**
 * Members with scores in memory, to be put in another order: results of ZUNION and its kin come by (hash, member)
 * and are wanted by (score, member), what ZRANGESTORE copies comes by score and is wanted by hash too.
 * Packed: 16 bytes and the member for each, and no objects.
 */

import { compareRanges, copyRange } from "../base/bytes.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import { ByteRange } from "./collection.ts";

const INITIAL_BYTES = 1024;
const INITIAL_COUNT = 64;

export class ScoredMembers {
  /** The member that `stand` stands on, and its score. */
  readonly element: ByteRange = new ByteRange();
  score = 0;
  count = 0;
  #buf: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** Member i lies in `#buf[#ends[i - 1], #ends[i])`. */
  #ends = new Float64Array(INITIAL_COUNT);
  #scores = new Float64Array(INITIAL_COUNT);

  add(member: Buffer, start: number, end: number, score: number): void {
    const index = this.count;
    const at = this.#startOf(index);
    this.#reserve(at + end - start);
    this.#ends[index] = copyRange(member, start, end, this.#buf, at);
    this.#scores[index] = score;
    this.count++;
  }

  /** Stands on member `index` in the order of adding. */
  stand(index: number): void {
    this.element.set(this.#buf, this.#startOf(index), this.#endOf(index));
    this.score = this.#scores[index] as number;
  }

  /** The indexes of all members by (score, member). */
  orderByScore(): Uint32Array {
    const scores = this.#scores;
    return this.#indexes().sort((a, b) => {
      const one = scores[a] as number;
      const other = scores[b] as number;
      if (one !== other) return one < other ? -1 : 1;
      return this.#compareMembers(a, b);
    });
  }

  /** The indexes of all members by (hash, member). */
  orderByHash(key: HashKey): Uint32Array {
    const hashes = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) hashes[i] = hash32(key, this.#buf, this.#startOf(i), this.#endOf(i));
    return this.#indexes().sort((a, b) => (hashes[a] as number) - (hashes[b] as number) || this.#compareMembers(a, b));
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }

  #endOf(index: number): number {
    return this.#ends[index] as number;
  }

  #compareMembers(a: number, b: number): number {
    return compareRanges(this.#buf, this.#startOf(a), this.#endOf(a), this.#buf, this.#startOf(b), this.#endOf(b));
  }

  #indexes(): Uint32Array {
    const indexes = new Uint32Array(this.count);
    for (let i = 0; i < indexes.length; i++) indexes[i] = i;
    return indexes;
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes > this.#buf.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 2 * this.#buf.length));
      this.#buf.copy(grown, 0, 0, this.#startOf(this.count));
      this.#buf = grown;
    }
    if (this.count === this.#ends.length) {
      this.#ends = grow(this.#ends);
      this.#scores = grow(this.#scores);
    }
  }
}

function grow(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(2 * numbers.length);
  grown.set(numbers);
  return grown;
}
