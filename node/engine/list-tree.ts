/**
 * ListTree: a sequence of byte strings of any length, in pages (kind 2): positions count from 0.
 * Ends and middle are equal: every operation is O(log n). See page-tree.ts for the rules, and tree-cursor.ts to walk.
 *
 *   tree.insert(tree.count, bytes…)   // push at the end; insert(0, …) at the start
 *   tree.get(position, out), tree.set(position, bytes…), tree.remove(position), tree.removeRange(from, to)
 */

import { assert } from "../base/assert.ts";
import { compareRanges } from "../base/bytes.ts";
import { ElementTree } from "./element-tree.ts";
import { childHolding, childPage, countBefore } from "./inner-page.ts";
import { elementAt, viewValue } from "./leaf-page.ts";
import { LIST, slotCount } from "./page.ts";
import { type PageNumber, View } from "./transaction.ts";

/** What an element of a list is to be compared with, and how many that are equal are removed. */
export interface RemoveMatching {
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
  /** At most so many are removed. */
  readonly limit: number;
  /** Whether the last ones go first. */
  readonly isFromEnd: boolean;
}

type ListChange = "insert" | "set" | "remove";

export class ListTree extends ElementTree {
  readonly #value = new View();
  // The change that is under way, and where below the page at hand.
  #change: ListChange = "set";
  #position = 0;

  constructor() {
    super(LIST);
  }

  /** Points `out` at the element at `position`. */
  get(position: number, out: View): void {
    assert(position >= 0 && position < this.count, "a position that is read lies within the list");
    const index = this.goToPosition(position);
    viewValue(this.leaf, elementAt(this.leaf, index), out);
  }

  /** Puts `buf[start, end)` before the element at `position`, or behind all where it is the count. */
  insert(position: number, buf: Buffer, start: number, end: number): void {
    assert(position >= 0 && position <= this.count, "a position to insert at lies within the list or at its end");
    this.element.setValue(buf, start, end);
    this.#changeAt(position, "insert");
    this.finish();
  }

  /** Makes the element at `position` the bytes `buf[start, end)`. */
  set(position: number, buf: Buffer, start: number, end: number): void {
    assert(position >= 0 && position < this.count, "a position that is set lies within the list");
    this.element.setValue(buf, start, end);
    this.#changeAt(position, "set");
    this.finish();
  }

  /** Removes the element at `position`. */
  remove(position: number): void {
    assert(position >= 0 && position < this.count, "a position that is removed lies within the list");
    this.#changeAt(position, "remove");
    this.finish();
  }

  /** Removes elements that are equal to the given bytes. Returns how many. O(n), O(log n) more for each run of them. */
  removeMatching(what: RemoveMatching): number {
    let removed = 0;
    let position = what.isFromEnd ? this.count - 1 : 0;
    while (removed < what.limit && position >= 0 && position < this.count) {
      const index = this.goToPosition(position);
      const run = what.isFromEnd
        ? this.#runBackward(what, index, what.limit - removed)
        : this.#runForward(what, index, what.limit - removed);
      const from = position - index + run.from;
      this.removeRange(from, from + run.count);
      removed += run.count;
      position = what.isFromEnd ? from - 1 : from;
    }
    return removed;
  }

  /** The first run of equal elements from `index` of the leaf on; an empty one at the leaf's end if there is none. */
  #runForward(what: RemoveMatching, index: number, limit: number): { from: number; count: number } {
    const elements = slotCount(this.leaf);
    let from = index;
    while (from < elements && !this.#isMatch(what, from)) from++;
    let count = 0;
    while (count < limit && from + count < elements && this.#isMatch(what, from + count)) count++;
    return { from, count };
  }

  /** The last run of equal elements up to `index` of the leaf; an empty one at the leaf's start if there is none. */
  #runBackward(what: RemoveMatching, index: number, limit: number): { from: number; count: number } {
    let last = index;
    while (last >= 0 && !this.#isMatch(what, last)) last--;
    let count = 0;
    while (count < limit && last - count >= 0 && this.#isMatch(what, last - count)) count++;
    return { from: last - count + 1, count };
  }

  #isMatch(what: RemoveMatching, index: number): boolean {
    const value = this.#value;
    viewValue(this.leaf, elementAt(this.leaf, index), value);
    return (
      value.end - value.start === what.end - what.start &&
      compareRanges(value.buf, value.start, value.end, what.buf, what.start, what.end) === 0
    );
  }

  #changeAt(position: number, change: ListChange): void {
    this.#position = position;
    this.#change = change;
    this.#changeIn(this.root, this.height, ListTree.allEdges);
  }

  /** Changes what is at `#position` below a page. An insert between two children goes to the end of the first. */
  #changeIn(number: PageNumber, level: number, edges: number): void {
    const page = this.read(number, level);
    this.noteEdges(level, edges);
    const position = this.#position;
    const change = this.#change;
    if (level === 0) {
      if (change === "insert") this.insertIntoLeaf(page, position);
      else if (change === "set") this.replaceInLeaf(page, position);
      else this.removeFromLeaf(number, page, position, position + 1);
      return;
    }
    const isBehind = change === "insert" && position > 0 ? 1 : 0;
    const index = childHolding(page, position - isBehind);
    this.#position = position - countBefore(page, index);
    this.#changeIn(childPage(page, index), level - 1, this.edgesOf(page, index, edges));
    this.absorb(level, index);
  }
}
