/**
 * KeyedTree: an ordered map of byte strings to byte strings, both of any length, in pages (kind 1).
 * Hashes, sets and sorted sets are made of it. All operations are O(log n); see page-tree.ts for the rules.
 *
 *   const tree = new KeyedTree();            // a handle, to be kept and reused
 *   tree.create(tx);                         // or: tree.open(tx, view.buf, view.start + payload offset)
 *   tree.put(key…, value…)                   // true: the key is new; tree.get(key…, out); tree.delete(key…)
 *   tree.count, tree.sizeBytes               // exact, at once
 *   tree.countBelow(key…)                    // rank of a key; of keys below a bound
 *   tree.removeRange(fromRank, toRank)       // by rank, whole pages at once
 *   if (tree.isChanged) tree.writeDescriptor(head, at)
 *   cursor.seekKey(tree, key…) / seekRank(tree, rank); cursor.key, cursor.value; cursor.next(), previous()
 */

import { copyRange } from "../base/bytes.ts";
import { ElementTree } from "./element-tree.ts";
import { childCount, childPage, countBefore, findChild } from "./inner-page.ts";
import { KeySearch } from "./key-search.ts";
import { elementAt, findElement, isKeyAt, placeBeforeEnd, viewValue } from "./leaf-page.ts";
import { KEYED } from "./page.ts";
import { type PageNumber, View } from "./transaction.ts";

export class KeyedTree extends ElementTree {
  readonly #search = new KeySearch();
  /** Where `get` has found a key. */
  #foundPage: PageNumber = 0;
  #foundIndex = 0;
  readonly #found = new View();

  constructor() {
    super(KEYED);
  }

  /** Points `out` at the value of the key `buf[start, end)`. False, with `out` untouched, where there is none. */
  get(buf: Buffer, start: number, end: number, out: View): boolean {
    const index = this.#find(buf, start, end);
    if (index < 0) return false;
    viewValue(this.leaf, elementAt(this.leaf, index), out);
    return true;
  }

  /**
   * Makes `value[start, end)` the value that `get` has just found, where it is as long. False, with nothing done, where it
   * is not. Nothing of the tree may have been changed since: one descent reads a value and replaces it.
   */
  replaceFound(value: Buffer, start: number, end: number): boolean {
    const { leaf } = this;
    const found = this.#found;
    viewValue(leaf, elementAt(leaf, this.#foundIndex), found);
    if (found.end - found.start !== end - start) return false;
    const from = found.start - leaf.start;
    this.editBytes(this.#foundPage, leaf, from, from + end - start);
    copyRange(value, start, end, leaf.buf, leaf.start + from);
    return true;
  }

  has(buf: Buffer, start: number, end: number): boolean {
    return this.#find(buf, start, end) >= 0;
  }

  /** Sets the value `value[valueStart, valueEnd)` of the key `buf[start, end)`. True where the key is new. */
  put(buf: Buffer, start: number, end: number, value: Buffer, valueStart: number, valueEnd: number): boolean {
    this.element.setKey(buf, start, end);
    this.element.setValue(value, valueStart, valueEnd);
    this.#search.begin(buf, start, end);
    this.#putIn(this.root, this.height, KeyedTree.allEdges);
    const isNew = this.deltaCount === 1;
    this.finish();
    return isNew;
  }

  /** Removes a key. False where there is none. */
  delete(buf: Buffer, start: number, end: number): boolean {
    this.#search.begin(buf, start, end);
    this.deltaCount = 0;
    this.deltaSize = 0;
    this.#deleteIn(this.root, this.height);
    if (this.deltaCount === 0) return false;
    this.finish();
    return true;
  }

  /** How many keys come before `buf[start, end)`: its rank, where it is a key. */
  countBelow(buf: Buffer, start: number, end: number): number {
    const search = this.#search;
    search.begin(buf, start, end);
    let number = this.root;
    let below = 0;
    for (let level = this.height; level > 0; level--) {
      const page = this.read(number, level);
      const index = this.#descend(page, level);
      below += countBefore(page, index);
      number = childPage(page, index);
    }
    return below + findElement(this.read(number, 0), search);
  }

  /** Goes to the leaf where the key belongs; returns its index there, or -1. */
  #find(buf: Buffer, start: number, end: number): number {
    const search = this.#search;
    search.begin(buf, start, end);
    let number = this.root;
    for (let level = this.height; level > 0; level--) {
      const page = this.read(number, level);
      number = childPage(page, this.#descend(page, level));
    }
    const page = this.read(number, 0);
    const index = findElement(page, search);
    this.#foundPage = number;
    this.#foundIndex = index;
    return isKeyAt(page, index, search) ? index : -1;
  }

  /** The child of an inner page that the search goes on in. */
  #descend(page: View, level: number): number {
    const index = findChild(page, this.#search);
    if (level === 1) this.expectLook(placeBeforeEnd(this.#search, childCount(page, index)));
    return index;
  }

  #putIn(number: PageNumber, level: number, edges: number): void {
    const page = this.read(number, level);
    this.noteEdges(level, edges);
    if (level > 0) {
      const index = this.#descend(page, level);
      this.#putIn(childPage(page, index), level - 1, this.edgesOf(page, index, edges));
      this.absorb(level, index);
      return;
    }
    const index = findElement(page, this.#search);
    if (isKeyAt(page, index, this.#search)) this.replaceInLeaf(page, index);
    else this.insertIntoLeaf(page, index);
  }

  #deleteIn(number: PageNumber, level: number): void {
    const page = this.read(number, level);
    this.noteEdges(level, 0);
    if (level > 0) {
      const index = this.#descend(page, level);
      this.#deleteIn(childPage(page, index), level - 1);
      this.absorb(level, index);
      return;
    }
    const index = findElement(page, this.#search);
    if (isKeyAt(page, index, this.#search)) this.removeFromLeaf(number, page, index, index + 1);
  }
}
