/**
 * A hash: fields with values, inline or as a tree by (hash of the field, field).
 * Reads stand on an entry: `element` is its field, `value` its value; both are valid until the next call.
 */

import { RECORD_HASH } from "../engine/record-format.ts";
import { ByteRange, Collection } from "./collection.ts";
import { InlineHash } from "./hash-inline.ts";
import { HashedTree } from "./hashed-tree.ts";

export class Hash extends Collection {
  readonly element: ByteRange = new ByteRange();
  readonly value: ByteRange = new ByteRange();
  readonly #inline: InlineHash;
  readonly #tree = new HashedTree();

  constructor() {
    const inline = new InlineHash();
    super(RECORD_HASH, inline);
    this.#inline = inline;
  }

  count(): number {
    return this.isTree ? this.#tree.count() : this.#inline.count;
  }

  /** Stands on a field: `value` is its value. False where it is not there. */
  find(field: Buffer, start: number, end: number): boolean {
    if (this.isTree) {
      if (!this.#tree.find(field, start, end)) return false;
      this.value.set(this.#tree.value.buf, this.#tree.value.start, this.#tree.value.end);
      return true;
    }
    if (!this.#inline.find(field, start, end)) return false;
    this.value.set(this.#inline.buf, this.#inline.valueStart, this.#inline.valueEnd);
    return true;
  }

  /** Gives a field a value. True where the field is new. */
  put(field: Buffer, fieldStart: number, fieldEnd: number, value: Buffer, start: number, end: number): boolean {
    this.isChanged = true;
    if (!this.isTree) {
      const inline = this.#inline;
      if (inline.find(field, fieldStart, fieldEnd)) {
        if (inline.replaceValue(value, start, end)) return false;
      } else if (inline.append(field, fieldStart, fieldEnd, value, start, end)) return true;
      this.#becomeTree();
    }
    return this.#tree.put(field, fieldStart, fieldEnd, value, start, end);
  }

  /** Removes a field. False where it is not there. */
  remove(field: Buffer, start: number, end: number): boolean {
    if (this.isTree) {
      if (!this.#tree.remove(field, start, end)) return false;
    } else {
      if (!this.#inline.find(field, start, end)) return false;
      this.#inline.remove();
    }
    this.isChanged = true;
    return true;
  }

  /** Stands before the entry of a position; positions are of no meaning beyond one state of the hash. */
  seek(index: number): void {
    if (this.isTree) this.#tree.seek(index);
    else if (index === 0) this.#inline.rewind();
    else this.#inline.at(index - 1);
  }

  /** For scans: stands before the first field with at least this hash; before all of an inline one. */
  seekHash(hash: number): void {
    if (this.isTree) this.#tree.seekHash(hash);
    else this.#inline.rewind();
  }

  nextByHash(): boolean {
    return this.next();
  }

  /** Stands on the next entry; false at the end. */
  next(): boolean {
    if (this.isTree) {
      const tree = this.#tree;
      if (!tree.next()) return false;
      this.element.set(tree.element.buf, tree.element.start, tree.element.end);
      this.value.set(tree.value.buf, tree.value.start, tree.value.end);
      return true;
    }
    const inline = this.#inline;
    if (!inline.next()) return false;
    this.element.set(inline.buf, inline.fieldStart, inline.fieldEnd);
    this.value.set(inline.buf, inline.valueStart, inline.valueEnd);
    return true;
  }

  /** Of a tree: the hash of the field stood on. */
  hash(): number {
    return this.#tree.hash();
  }

  protected attachTrees(buf: Buffer, start: number): void {
    this.#tree.open(this.tx, buf, start);
  }

  protected describeTrees(buf: Buffer, start: number): void {
    this.#tree.describe(buf, start);
  }

  #becomeTree(): void {
    const inline = this.#inline;
    this.#tree.create(this.tx);
    inline.rewind();
    while (inline.next()) {
      const { buf, fieldStart, fieldEnd, valueStart, valueEnd } = inline;
      this.#tree.put(buf, fieldStart, fieldEnd, buf, valueStart, valueEnd);
    }
    this.isTree = true;
  }
}
