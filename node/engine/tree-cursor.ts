/**
 * TreeCursor: a place in a keyed tree or a list, moved forwards and backwards over its elements, O(1) a step.
 * It is void once the tree is changed or the transaction ends. One object can be moved to other trees.
 */

import { present } from "../base/assert.ts";
import type { ElementTree } from "./element-tree.ts";
import { childAtPosition, childCount, childPage, countBefore, findChild } from "./inner-page.ts";
import { KeySearch } from "./key-search.ts";
import { elementAt, findElement, viewKey, viewValue } from "./leaf-page.ts";
import { KEYED, leafSlotBytes, slotCount } from "./page.ts";
import { type PageNumber, View } from "./transaction.ts";

export class TreeCursor {
  /** The key of the element (keyed trees). */
  readonly key = new View();
  /** The value of the element; in a list, the element. */
  readonly value = new View();
  #tree: ElementTree | undefined;
  readonly #search = new KeySearch();
  readonly #pages: View[] = [];
  readonly #indexes: number[] = [];

  /** Goes to the first element whose key is not below `buf[start, end)`. False where there is none. */
  seekKey(tree: ElementTree, buf: Buffer, start: number, end: number): boolean {
    this.#tree = tree;
    const search = this.#search;
    search.begin(buf, start, end);
    let number = tree.root;
    for (let level = tree.height; level > 0; level--) {
      const page = this.#read(number, level);
      const index = findChild(page, search);
      this.#indexes[level] = index;
      number = childPage(page, index);
    }
    const leaf = this.#read(number, 0);
    const index = findElement(leaf, search);
    if (index === slotCount(leaf)) {
      this.#indexes[0] = index - 1;
      return index > 0 || tree.count > 0 ? this.next() : false;
    }
    return this.#show(index);
  }

  /** Goes to the element at position `rank`. False where the tree is not that long. */
  seekRank(tree: ElementTree, rank: number): boolean {
    this.#tree = tree;
    if (rank < 0 || rank >= tree.count) return false;
    let number = tree.root;
    let rest = rank;
    let total = tree.count;
    for (let level = tree.height; level > 0; level--) {
      const page = this.#read(number, level);
      const index = childAtPosition(page, rest, total);
      rest -= countBefore(page, index);
      total = childCount(page, index);
      this.#indexes[level] = index;
      number = childPage(page, index);
    }
    const leaf = this.#pages[0];
    if (leaf !== undefined) leaf.lookBeforeEnd = leafSlotBytes(tree.kind) * (rest + 1);
    this.#read(number, 0);
    return this.#show(rest);
  }

  /** Goes to the element behind. False, and the cursor void, at the end. */
  next(): boolean {
    const index = this.#index(0) + 1;
    return index < slotCount(this.#page(0)) ? this.#show(index) : this.#turn(1);
  }

  /** Goes to the element before. False, and the cursor void, at the start. */
  previous(): boolean {
    const index = this.#index(0) - 1;
    return index >= 0 ? this.#show(index) : this.#turn(-1);
  }

  /** Goes to the nearest element of the leaf behind (1) or before (-1). */
  #turn(step: 1 | -1): boolean {
    const height = present(this.#tree, "a cursor's tree").height;
    let level = 1;
    while (level <= height) {
      const index = this.#index(level) + step;
      if (index >= 0 && index < slotCount(this.#page(level))) {
        this.#indexes[level] = index;
        break;
      }
      level++;
    }
    if (level > height) return false;
    for (; level > 0; level--) {
      const page = this.#read(childPage(this.#page(level), this.#index(level)), level - 1);
      this.#indexes[level - 1] = step === 1 ? 0 : slotCount(page) - 1;
    }
    return this.#show(this.#index(0));
  }

  #show(index: number): boolean {
    this.#indexes[0] = index;
    const leaf = this.#page(0);
    const at = elementAt(leaf, index);
    if (this.#tree?.kind === KEYED) viewKey(leaf, at, this.key);
    viewValue(leaf, at, this.value);
    return true;
  }

  #read(number: PageNumber, level: number): View {
    const tree = present(this.#tree, "a cursor's tree");
    let view = this.#pages[level];
    if (view === undefined) {
      view = new View();
      this.#pages[level] = view;
    }
    tree.tx.readPage(tree.id, number, view);
    return view;
  }

  #page(level: number): View {
    return present(this.#pages[level], "a cursor's page");
  }

  #index(level: number): number {
    return present(this.#indexes[level], "a cursor's index");
  }
}
