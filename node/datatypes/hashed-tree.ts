/**
 * The tree of a large hash or set, and of a large sorted set by member: keys are the hash of the element and the
 * element (docs/formats/keys.md), so that a position in it is a scan cursor and two such trees can be merged.
 * `element` and `value` are valid until the next call.
 */

import { assert } from "../base/assert.ts";
import { copyRange, readU32, writeU32 } from "../base/bytes.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import { KeyedTree } from "../engine/keyed-tree.ts";
import { type Transaction, View } from "../engine/transaction.ts";
import { TreeCursor } from "../engine/tree-cursor.ts";
import { ByteRange } from "./collection.ts";
import { TreeKey } from "./tree-key.ts";

const HASH_BYTES = 4;
const HASH_LIMIT = 2 ** 32;
const NO_KEY: HashKey = { k0: 0, k1: 0 };

export class HashedTree {
  readonly element: ByteRange = new ByteRange();
  readonly value: View = new View();
  readonly #tree = new KeyedTree();
  readonly #cursor = new TreeCursor();
  readonly #key = new TreeKey();
  #hashKey: HashKey = NO_KEY;
  /** What `next` does: 0 nothing more, 1 takes what the cursor stands on, 2 moves it. */
  #step = 0;

  create(tx: Transaction): void {
    this.#hashKey = tx.hashKey;
    this.#tree.create(tx);
  }

  /** Opens the tree whose descriptor lies at `buf[at]`. */
  open(tx: Transaction, buf: Buffer, at: number): void {
    this.#hashKey = tx.hashKey;
    this.#tree.open(tx, buf, at);
  }

  /** Writes the tree's descriptor, DESCRIPTOR_BYTES long, at `buf[at]`. */
  describe(buf: Buffer, at: number): void {
    this.#tree.writeDescriptor(buf, at);
  }

  discard(): void {
    this.#tree.discard();
  }

  count(): number {
    return this.#tree.count;
  }

  /** Points `value` at an element's value. False where it is not there. */
  find(element: Buffer, start: number, end: number): boolean {
    const key = this.#makeKey(element, start, end);
    return this.#tree.get(key.buf, 0, key.end, this.value);
  }

  /**
   * Makes `value[start, end)`, which must be as long as the value was, that of the element that `find` has just found. The
   * tree must not have been changed since.
   */
  replaceFound(value: Buffer, start: number, end: number): void {
    assert(this.#tree.replaceFound(value, start, end), "a value is replaced by one of its length");
  }

  /** True where the element is new. */
  put(element: Buffer, start: number, end: number, value: Buffer, valueStart: number, valueEnd: number): boolean {
    const key = this.#makeKey(element, start, end);
    return this.#tree.put(key.buf, 0, key.end, value, valueStart, valueEnd);
  }

  /** False where the element is not there. */
  remove(element: Buffer, start: number, end: number): boolean {
    const key = this.#makeKey(element, start, end);
    return this.#tree.delete(key.buf, 0, key.end);
  }

  removeAt(index: number): void {
    this.#tree.removeRange(index, index + 1);
  }

  /** Stands before the element of a position. */
  seek(index: number): void {
    this.#step = this.#cursor.seekRank(this.#tree, index) ? 1 : 0;
  }

  /** Stands before the first element with at least this hash. */
  seekHash(hash: number): void {
    if (hash >= HASH_LIMIT) {
      this.#step = 0;
      return;
    }
    const key = this.#key;
    key.reserve(HASH_BYTES);
    writeU32(key.buf, 0, hash);
    this.#step = this.#cursor.seekKey(this.#tree, key.buf, 0, HASH_BYTES) ? 1 : 0;
  }

  /** Stands on the next element; false at the end. */
  next(): boolean {
    if (this.#step === 0) return false;
    if (this.#step === 2 && !this.#cursor.next()) {
      this.#step = 0;
      return false;
    }
    this.#step = 2;
    const { key, value } = this.#cursor;
    this.element.set(key.buf, key.start + HASH_BYTES, key.end);
    this.value.buf = value.buf;
    this.value.start = value.start;
    this.value.end = value.end;
    return true;
  }

  /** The hash of the element that `next` stands on. */
  hash(): number {
    return readU32(this.#cursor.key.buf, this.#cursor.key.start);
  }

  #makeKey(element: Buffer, start: number, end: number): TreeKey {
    const key = this.#key;
    key.reserve(HASH_BYTES + end - start);
    writeU32(key.buf, 0, hash32(this.#hashKey, element, start, end));
    copyRange(element, start, end, key.buf, HASH_BYTES);
    return key;
  }
}
