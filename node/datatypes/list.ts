/**
 * A list: byte strings by position from 0, inline or as a tree.
 * Reads stand on an element: `element` is valid until the next call. Bytes that are put in must not be the list's own.
 */

import { compareRanges } from "../base/bytes.ts";
import { ListTree } from "../engine/list-tree.ts";
import { RECORD_LIST } from "../engine/record-format.ts";
import { View } from "../engine/transaction.ts";
import { TreeCursor } from "../engine/tree-cursor.ts";
import { Collection } from "./collection.ts";
import { InlineList } from "./list-inline.ts";

/** The bytes `buf[start, end)` that elements are compared with. */
export interface Wanted {
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
}

export class List extends Collection {
  readonly element: View = new View();
  readonly #inline: InlineList;
  readonly #tree = new ListTree();
  readonly #cursor = new TreeCursor();

  constructor() {
    const inline = new InlineList();
    super(RECORD_LIST, inline);
    this.#inline = inline;
  }

  count(): number {
    return this.isTree ? this.#tree.count : this.#inline.count;
  }

  /** Stands on the element at a position below the count. */
  get(position: number): void {
    if (this.isTree) {
      this.#tree.get(position, this.element);
      return;
    }
    this.#inline.at(position);
    this.#showInline();
  }

  /** Stands on each element from `position` to the end while `visit`, given the position, answers true. */
  visitForward(position: number, visit: (position: number) => boolean): void {
    if (position >= this.count()) return;
    let at = position;
    if (this.isTree) {
      for (let more = this.#cursor.seekRank(this.#tree, at); more; more = this.#cursor.next()) {
        this.#showCursor();
        if (!visit(at++)) return;
      }
      return;
    }
    this.#inline.at(position);
    do {
      this.#showInline();
      if (!visit(at++)) return;
    } while (this.#inline.next());
  }

  /** The same, from `position` back to the first. */
  visitBackward(position: number, visit: (position: number) => boolean): void {
    if (!this.isTree) {
      this.#inline.visitBackward(position, (at) => {
        this.#showInline();
        return visit(at);
      });
      return;
    }
    let at = position;
    for (let more = this.#cursor.seekRank(this.#tree, at); more; more = this.#cursor.previous()) {
      this.#showCursor();
      if (!visit(at--)) return;
    }
  }

  /** Whether the element stood on has the wanted bytes. */
  isEqual(wanted: Wanted): boolean {
    const { buf, start, end } = this.element;
    return (
      end - start === wanted.end - wanted.start &&
      compareRanges(buf, start, end, wanted.buf, wanted.start, wanted.end) === 0
    );
  }

  /** Puts `buf[start, end)` before the element at `position`, or behind all where that is the count. */
  insert(position: number, buf: Buffer, start: number, end: number): void {
    this.isChanged = true;
    if (!this.isTree) {
      if (this.#inline.insert(position, buf, start, end)) return;
      this.#becomeTree();
    }
    this.#tree.insert(position, buf, start, end);
  }

  /** Makes the element at `position` the bytes `buf[start, end)`. */
  set(position: number, buf: Buffer, start: number, end: number): void {
    this.isChanged = true;
    if (!this.isTree) {
      if (this.#inline.set(position, buf, start, end)) return;
      this.#becomeTree();
    }
    this.#tree.set(position, buf, start, end);
  }

  /** Removes the elements at [from, to). */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    this.isChanged = true;
    if (from === 0 && to === this.count()) this.delete();
    else if (!this.isTree) this.#inline.removeRange(from, to);
    else if (to - from === 1) this.#tree.remove(from);
    else this.#tree.removeRange(from, to);
  }

  /** Removes up to `limit` elements that have the wanted bytes, the first or the last ones. Returns how many. */
  removeEqual(wanted: Wanted, limit: number, isFromEnd: boolean): number {
    const removed = this.isTree
      ? this.#tree.removeMatching({ ...wanted, limit, isFromEnd })
      : this.#removeInline(wanted, limit, isFromEnd);
    if (removed > 0) this.isChanged = true;
    return removed;
  }

  protected override attachTrees(buf: Buffer, start: number): void {
    this.#tree.open(this.tx, buf, start);
  }

  protected override describeTrees(buf: Buffer, start: number): void {
    this.#tree.writeDescriptor(buf, start);
  }

  #removeInline(wanted: Wanted, limit: number, isFromEnd: boolean): number {
    const found: number[] = [];
    const collect = (position: number): boolean => {
      if (this.isEqual(wanted)) found.push(position);
      return found.length < limit;
    };
    if (isFromEnd) this.visitBackward(this.count() - 1, collect);
    else this.visitForward(0, collect);
    // From the last position on, so that those before stay what they were.
    if (!isFromEnd) found.reverse();
    for (const position of found) this.#inline.removeRange(position, position + 1);
    return found.length;
  }

  #becomeTree(): void {
    const inline = this.#inline;
    this.#tree.create(this.tx);
    inline.rewind();
    while (inline.next()) this.#tree.insert(this.#tree.count, inline.buf, inline.elementStart, inline.elementEnd);
    this.isTree = true;
  }

  #showInline(): void {
    const { element } = this;
    element.buf = this.#inline.buf;
    element.start = this.#inline.elementStart;
    element.end = this.#inline.elementEnd;
  }

  #showCursor(): void {
    const { element } = this;
    const { value } = this.#cursor;
    element.buf = value.buf;
    element.start = value.start;
    element.end = value.end;
  }
}
