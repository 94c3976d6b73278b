/**
 * The tree of a large sorted set by (score, member): keys are the stored score and the member, values are empty.
 * `element` is a member, valid until the next call.
 */

import { copyRange } from "../base/bytes.ts";
import { KeyedTree } from "../engine/keyed-tree.ts";
import type { Transaction } from "../engine/transaction.ts";
import { TreeCursor } from "../engine/tree-cursor.ts";
import { ByteRange } from "./collection.ts";
import { TreeKey } from "./tree-key.ts";
import { readScore, SCORE_BYTES, writeScore } from "./zset-score.ts";

const NO_VALUE = Buffer.alloc(0);

/** A bound among the members of one score. */
export interface MemberBound {
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
  /** Whether the bound lies behind the member of this name, not before it. */
  readonly isAfterEqual: boolean;
}

export class ScoreTree {
  readonly element: ByteRange = new ByteRange();
  readonly #tree = new KeyedTree();
  readonly #cursor = new TreeCursor();
  readonly #key = new TreeKey();
  /** What `next` and `previous` do: 0 nothing more, 1 take what the cursor stands on, 2 move it. */
  #step = 0;

  create(tx: Transaction): void {
    this.#tree.create(tx);
  }

  /** Opens the tree whose descriptor lies at `buf[at]`. */
  open(tx: Transaction, buf: Buffer, at: number): void {
    this.#tree.open(tx, buf, at);
  }

  /** Writes the tree's descriptor, DESCRIPTOR_BYTES long, at `buf[at]`. */
  describe(buf: Buffer, at: number): void {
    this.#tree.writeDescriptor(buf, at);
  }

  discard(): void {
    this.#tree.discard();
  }

  put(score: number, member: Buffer, start: number, end: number): void {
    const key = this.#makeKey(score, member, start, end);
    this.#tree.put(key.buf, 0, key.end, NO_VALUE, 0, 0);
  }

  remove(score: number, member: Buffer, start: number, end: number): void {
    const key = this.#makeKey(score, member, start, end);
    this.#tree.delete(key.buf, 0, key.end);
  }

  /** Removes what lies at positions [from, to). */
  removeRange(from: number, to: number): void {
    this.#tree.removeRange(from, to);
  }

  /** Number of entries before a bound among those of `score`. */
  rankOf(score: number, bound: MemberBound): number {
    const key = this.#makeKey(score, bound.buf, bound.start, bound.end);
    if (!bound.isAfterEqual) return this.#tree.countBelow(key.buf, 0, key.end);
    // The first name behind a name is that name and a zero byte.
    key.reserve(key.end + 1);
    writeScore(key.buf, 0, score);
    key.buf[copyRange(bound.buf, bound.start, bound.end, key.buf, SCORE_BYTES)] = 0;
    return this.#tree.countBelow(key.buf, 0, key.end);
  }

  /** Number of entries with a lower score, or also an equal one where `isAfterEqual`. */
  rankOfScore(score: number, isAfterEqual: boolean): number {
    const key = this.#makeKey(score, NO_VALUE, 0, 0);
    // The score behind a score is the next number; the highest score is not the highest 64-bit number.
    if (isAfterEqual) {
      let at = SCORE_BYTES - 1;
      while (key.buf[at] === 0xff) key.buf[at--] = 0;
      key.buf[at] = (key.buf[at] as number) + 1;
    }
    return this.#tree.countBelow(key.buf, 0, key.end);
  }

  /** Stands before the entry of a position. */
  seek(index: number): void {
    this.#step = this.#cursor.seekRank(this.#tree, index) ? 1 : 0;
  }

  /** Stands behind the last entry before a position. */
  seekBack(index: number): void {
    this.seek(index - 1);
  }

  /** Stands on the next entry; false at the end. */
  next(): boolean {
    return this.#stand(this.#step === 1 || (this.#step === 2 && this.#cursor.next()));
  }

  /** Stands on the entry before; false at the beginning. */
  previous(): boolean {
    return this.#stand(this.#step === 1 || (this.#step === 2 && this.#cursor.previous()));
  }

  /** The score of the entry stood on. */
  score(): number {
    return readScore(this.#cursor.key.buf, this.#cursor.key.start);
  }

  #stand(isThere: boolean): boolean {
    this.#step = isThere ? 2 : 0;
    if (!isThere) return false;
    const { key } = this.#cursor;
    this.element.set(key.buf, key.start + SCORE_BYTES, key.end);
    return true;
  }

  #makeKey(score: number, member: Buffer, start: number, end: number): TreeKey {
    const key = this.#key;
    key.reserve(SCORE_BYTES + end - start);
    writeScore(key.buf, 0, score);
    copyRange(member, start, end, key.buf, SCORE_BYTES);
    return key;
  }
}
