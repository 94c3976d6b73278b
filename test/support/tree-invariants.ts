/**
 * Checks the invariants of a tree of pages (node/engine/page-tree.ts) from its descriptor and the stored pages of a
 * MapTransaction: order, counts, sizes, fill, and that the store has the tree's pages and no others.
 */

import { expect } from "vitest";
import { present } from "../../node/base/assert.ts";
import { compareRanges } from "../../node/base/bytes.ts";
import { childCount, childPage, childSize, viewSeparator } from "../../node/engine/inner-page.ts";
import { KeySearch } from "../../node/engine/key-search.ts";
import { elementAt, elementsContentBytes, findElement, viewKey } from "../../node/engine/leaf-page.ts";
import {
  BYTES,
  contentBytes,
  freeBytes,
  HEADER_BYTES,
  heapEnd,
  INNER_MAX_BYTES,
  isInner,
  KEYED,
  kindOf,
  LEAF_MAX_BYTES,
  slotCount,
} from "../../node/engine/page.ts";
import { View } from "../../node/engine/transaction.ts";
import type { TreePages } from "../../node/engine/tree-pages.ts";
import type { MapTransaction } from "./map-transaction.ts";

interface Totals {
  count: number;
  sizeBytes: number;
}

/** Checks a tree in the committed state of `tx`. `tree` is an open handle, or one that was just used. */
export function checkTree(tx: MapTransaction, tree: TreePages): void {
  new TreeCheck(tx, tree).run();
}

class TreeCheck {
  readonly #tx: MapTransaction;
  readonly #tree: TreePages;
  readonly #seen = new Set<string>();
  readonly #search = new KeySearch();
  #lastKey: Buffer | undefined;

  constructor(tx: MapTransaction, tree: TreePages) {
    this.#tx = tx;
    this.#tree = tree;
  }

  run(): void {
    const tree = this.#tree;
    const totals = this.#check(tree.root, tree.height, undefined);
    expect({ count: tree.count, sizeBytes: tree.sizeBytes }).toEqual(totals);
    const stored = [...this.#tx.pages.keys()].filter((name) => name.startsWith(`${tree.id}:`));
    expect(stored.toSorted()).toEqual([...this.#seen].toSorted());
    if (tree.height > 0) expect(slotCount(this.#page(tree.root))).toBeGreaterThan(1);
  }

  /** Checks the subtree of a page whose keys are not below `low`; returns what is in it. */
  #check(number: number, level: number, low: Buffer | undefined): Totals {
    const page = this.#page(number);
    this.#seen.add(`${this.#tree.id}:${number}`);
    expect(kindOf(page)).toBe(this.#tree.kind);
    expect(isInner(page)).toBe(level > 0);
    expect(freeBytes(page)).toBeGreaterThanOrEqual(0);
    return level > 0 ? this.#checkInner(page, level, low) : this.#checkLeaf(page, number, low);
  }

  #checkInner(page: View, level: number, low: Buffer | undefined): Totals {
    const totals = { count: 0, sizeBytes: 0 };
    for (let i = 0; i < slotCount(page); i++) {
      const separator = this.#separator(page, i);
      if (i === 0) expect(separator?.length ?? 0).toBe(0);
      const below = this.#check(childPage(page, i), level - 1, i === 0 ? low : separator);
      expect({ count: childCount(page, i), sizeBytes: childSize(page, i) }).toEqual(below);
      expect(below.count).toBeGreaterThan(0);
      totals.count += below.count;
      totals.sizeBytes += below.sizeBytes;
      const next = this.#separator(page, i + 1);
      if (next && this.#lastKey) expect(Buffer.compare(this.#lastKey, next)).toBeLessThan(0);
      if (i > 0) this.#checkFill(page, i, level);
    }
    return totals;
  }

  /** Two neighbours do not both fit into three quarters of a page. */
  #checkFill(page: View, index: number, level: number): void {
    if (level === 1) {
      const both = childSize(page, index - 1) + childSize(page, index);
      if (this.#tree.kind !== BYTES) expect(HEADER_BYTES + both).toBeGreaterThan((3 * LEAF_MAX_BYTES) / 4);
      return;
    }
    const both =
      contentBytes(this.#page(childPage(page, index - 1))) + contentBytes(this.#page(childPage(page, index)));
    const joint = this.#separator(page, index)?.length ?? 0;
    expect(HEADER_BYTES + both + joint + 8).toBeGreaterThan((3 * INNER_MAX_BYTES) / 4);
  }

  #checkLeaf(page: View, number: number, low: Buffer | undefined): Totals {
    const count = slotCount(page);
    if (kindOf(page) === BYTES) {
      expect(page.end - page.start).toBeLessThanOrEqual(LEAF_MAX_BYTES);
      return { count: heapEnd(page) - HEADER_BYTES, sizeBytes: heapEnd(page) - HEADER_BYTES };
    }
    if (number !== this.#tree.root) expect(count).toBeGreaterThan(0);
    if (count > 1) expect(page.end - page.start).toBeLessThanOrEqual(LEAF_MAX_BYTES);
    expect(elementsContentBytes(page, 0, count)).toBe(contentBytes(page));
    if (kindOf(page) === KEYED) this.#checkKeys(page, low);
    return { count, sizeBytes: contentBytes(page) };
  }

  #checkKeys(page: View, low: Buffer | undefined): void {
    const key = new View();
    for (let i = 0; i < slotCount(page); i++) {
      viewKey(page, elementAt(page, i), key);
      const bytes = Buffer.from(key.buf.subarray(key.start, key.end));
      const last = this.#lastKey;
      if (last) expect(compareRanges(last, 0, last.length, bytes, 0, bytes.length)).toBeLessThan(0);
      if (low && i === 0) expect(Buffer.compare(low, bytes)).toBeLessThanOrEqual(0);
      this.#search.begin(bytes, 0, bytes.length);
      expect(findElement(page, this.#search)).toBe(i);
      this.#lastKey = bytes;
    }
  }

  #separator(page: View, index: number): Buffer | undefined {
    if (kindOf(page) !== KEYED || index >= slotCount(page)) return undefined;
    const out = new View();
    viewSeparator(page, index, out);
    return out.buf.subarray(out.start, out.end);
  }

  #page(number: number): View {
    const bytes = present(this.#tx.pages.get(`${this.#tree.id}:${number}`), `page ${number} in the store`);
    return Object.assign(new View(), { buf: bytes, start: 0, end: bytes.length });
  }
}
