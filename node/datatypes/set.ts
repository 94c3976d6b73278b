/**
 * A set, inline or as a tree, in both forms by (hash of the member, member): a position means the same member on
 * every replica, and what several sets have in common can be found by merging them.
 * Reads stand on a member: `element` is valid until the next call.
 */

import { RECORD_SET } from "../engine/record-format.ts";
import { ByteRange, Collection } from "./collection.ts";
import { HashedTree } from "./hashed-tree.ts";
import { InlineSet } from "./set-inline.ts";

const NO_VALUE = Buffer.alloc(0);

export class RedisSet extends Collection {
  readonly element: ByteRange = new ByteRange();
  readonly #inline: InlineSet;
  readonly #tree = new HashedTree();

  constructor() {
    const inline = new InlineSet();
    super(RECORD_SET, inline);
    this.#inline = inline;
  }

  count(): number {
    return this.isTree ? this.#tree.count() : this.#inline.count;
  }

  has(member: Buffer, start: number, end: number): boolean {
    return this.isTree ? this.#tree.find(member, start, end) : this.#inline.find(member, start, end);
  }

  /** Adds a member. False where it is there already. */
  add(member: Buffer, start: number, end: number): boolean {
    if (!this.isTree) {
      if (this.#inline.find(member, start, end)) return false;
      this.isChanged = true;
      if (this.#inline.insert(this.tx.hashKey, member, start, end)) return true;
      this.#becomeTree();
    }
    // Looked for first: a put of what is there would write its page, and the command a log entry, for nothing.
    if (this.#tree.find(member, start, end)) return false;
    this.#tree.put(member, start, end, NO_VALUE, 0, 0);
    this.isChanged = true;
    return true;
  }

  /** Adds a member that comes behind all others by (hash, member): for results of merges, which come in this order. */
  append(member: Buffer, start: number, end: number): void {
    this.isChanged = true;
    if (!this.isTree) {
      if (this.#inline.append(member, start, end)) return;
      this.#becomeTree();
    }
    this.#tree.put(member, start, end, NO_VALUE, 0, 0);
  }

  /** Removes a member. False where it is not there. */
  remove(member: Buffer, start: number, end: number): boolean {
    if (this.isTree) {
      if (!this.#tree.remove(member, start, end)) return false;
    } else {
      if (!this.#inline.find(member, start, end)) return false;
      this.#inline.remove();
    }
    this.isChanged = true;
    return true;
  }

  /** Removes the member of a position below `count`. */
  removeAt(index: number): void {
    this.isChanged = true;
    if (this.isTree) {
      this.#tree.removeAt(index);
      return;
    }
    this.#inline.at(index);
    this.#inline.remove();
  }

  /** Stands before the member of a position. */
  seek(index: number): void {
    if (this.isTree) this.#tree.seek(index);
    else if (index === 0) this.#inline.rewind();
    else this.#inline.at(index - 1);
  }

  /** For scans: stands before the first member with at least this hash; before all of an inline one. */
  seekHash(hash: number): void {
    if (this.isTree) this.#tree.seekHash(hash);
    else this.#inline.rewind();
  }

  nextByHash(): boolean {
    return this.next();
  }

  /** Stands on the next member; false at the end. */
  next(): boolean {
    if (this.isTree) {
      const tree = this.#tree;
      if (!tree.next()) return false;
      this.element.set(tree.element.buf, tree.element.start, tree.element.end);
      return true;
    }
    const inline = this.#inline;
    if (!inline.next()) return false;
    this.element.set(inline.buf, inline.memberStart, inline.memberEnd);
    return true;
  }

  /** Of a tree: the hash of the member stood on. */
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
    while (inline.next()) this.#tree.put(inline.buf, inline.memberStart, inline.memberEnd, NO_VALUE, 0, 0);
    this.isTree = true;
  }
}
