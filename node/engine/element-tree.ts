/**
 * ElementTree: what keyed trees and lists share: elements put into, replaced in and removed from leaves, and leaves
 * that are split. A leaf is cut in its middle, at an end of the tree behind (before) all it has, so that ascending and
 * descending inserts leave full pages, and around an element that is too large for either half.
 */

import { present } from "../base/assert.ts";
import { childHolding, childPage, countBefore } from "./inner-page.ts";
import {
  appendElements,
  elementAt,
  elementBytes,
  elementContentBytes,
  elementsContentBytes,
  insertElement,
  NewElement,
  overwriteElement,
  removeElements,
  viewKey,
} from "./leaf-page.ts";
import {
  capacityFor,
  contentBytes,
  freeBytes,
  garbageBytes,
  HEADER_BYTES,
  KEYED,
  LEAF_MAX_BYTES,
  type LIST,
  makeLeafPage,
  slotCount,
} from "./page.ts";
import { PageTree } from "./page-tree.ts";
import { type PageNumber, View } from "./transaction.ts";

/** A leaf whose buffer is longer than this and twice its content is written anew, shorter. */
const LOOSE_BYTES = 1024;

/**
 * A leaf that has garbage and is longer than this is split rather than packed: the room that packing gives it would
 * be used up after a few changes.
 */
const PACKED_MAX_BYTES = (7 * LEAF_MAX_BYTES) / 8;

/** Which elements of the page that is split go into a part, and where among them the new one; -1: not in it. */
interface PartRange {
  readonly from: number;
  readonly to: number;
  readonly newIndex: number;
}

export abstract class ElementTree extends PageTree {
  /** The element that is being put. */
  protected readonly element = new NewElement();
  readonly #firstKey = new View();
  readonly #lastKey = new View();

  constructor(kind: typeof KEYED | typeof LIST) {
    super(kind);
  }

  /** Puts `element` at `index` of the leaf in `page`; if it does not fit, the leaf becomes parts. */
  protected insertIntoLeaf(page: View, index: number): void {
    const number = this.numberOf(0);
    const added = elementContentBytes(this.kind, this.element.heapBytes(this.kind));
    this.deltaCount = 1;
    this.deltaSize = added;
    if (slotCount(page) === 0) this.#writeSingle(number, added);
    else if (this.#hasRoom(page, added)) {
      this.edit(number, page, added);
      insertElement(page, index, this.element);
    } else this.#splitLeaf(page, index);
  }

  /** Whether `addedBytes` more go into a leaf; a page that would soon be packed again and again has none. */
  #hasRoom(page: View, addedBytes: number): boolean {
    const length = HEADER_BYTES + contentBytes(page) + addedBytes;
    const isPacked = garbageBytes(page) > 0 && freeBytes(page) < addedBytes;
    return length <= (isPacked ? PACKED_MAX_BYTES : LEAF_MAX_BYTES);
  }

  /** Makes element `index` of the leaf in `page` the new `element`. */
  protected replaceInLeaf(page: View, index: number): void {
    const number = this.numberOf(0);
    const at = elementAt(page, index);
    const oldBytes = elementBytes(page, at);
    const newBytes = this.element.heapBytes(this.kind);
    if (slotCount(page) === 1 && newBytes !== oldBytes) {
      this.#writeSingle(number, elementContentBytes(this.kind, newBytes));
    } else if (newBytes <= oldBytes) {
      this.editBytes(number, page, at - page.start, at - page.start + oldBytes);
      overwriteElement(page, index, this.element);
    } else {
      this.edit(number, page, 0);
      removeElements(page, index, 1);
      this.insertIntoLeaf(page, index);
    }
    this.deltaCount = 0;
    this.deltaSize = newBytes - oldBytes;
  }

  protected override removeFromLeaf(number: PageNumber, page: View, from: number, to: number): void {
    const freed = elementsContentBytes(page, from, to);
    this.deltaCount = from - to;
    this.deltaSize = -freed;
    const isEmptied = to - from === slotCount(page);
    if (isEmptied && this.height > 0) return;
    this.edit(number, page, 0);
    removeElements(page, from, to - from);
    const length = page.end - page.start;
    if (length > LOOSE_BYTES && length > 2 * (HEADER_BYTES + contentBytes(page))) this.rewrite(number, page, 0);
  }

  /** Lists: goes to the leaf of position `position`, which becomes `leaf`; returns the element's index there. */
  protected goToPosition(position: number): number {
    let number = this.root;
    let rest = position;
    for (let level = this.height; level > 0; level--) {
      const page = this.read(number, level);
      const index = childHolding(page, rest);
      rest -= countBefore(page, index);
      number = childPage(page, index);
    }
    this.read(number, 0);
    return rest;
  }

  /** The leaf that was read last. */
  protected get leaf(): View {
    return present(this.views[0], "the leaf that was read");
  }

  /** Makes a leaf of the new element alone. */
  #writeSingle(number: PageNumber, addedBytes: number): void {
    makeLeafPage(this.fresh, this.kind, capacityFor(HEADER_BYTES + addedBytes, LEAF_MAX_BYTES));
    insertElement(this.fresh, 0, this.element);
    this.writePage(number, this.fresh);
  }

  #splitLeaf(page: View, index: number): void {
    const number = this.numberOf(0);
    const count = slotCount(page);
    const ranges =
      (count >= 2 && !this.isAtTreeEnd(0, index, count) && this.#cutInMiddle(page, index)) ||
      this.#cutAtElement(page, index);
    let isFirst = true;
    for (const range of ranges) {
      const part = this.addPart(isFirst ? number : this.newPageNumber());
      isFirst = false;
      this.#fillPart(part.page, page, range);
      part.count = slotCount(part.page);
      part.sizeBytes = contentBytes(part.page);
    }
    if (this.kind === KEYED) this.#separateParts();
    for (let i = 0; i < this.partCount; i++) {
      const part = present(this.parts[i], "a part");
      this.writePage(part.number, part.page);
    }
  }

  /** Two halves with the new element in one of them, or undefined where it is too large for that. */
  #cutInMiddle(page: View, index: number): readonly PartRange[] | undefined {
    const count = slotCount(page);
    const half = contentBytes(page) / 2;
    let cut = 0;
    let left = 0;
    while (cut < count - 1 && (cut === 0 || left < half)) {
      left += elementsContentBytes(page, cut, cut + 1);
      cut++;
    }
    const right = contentBytes(page) - left;
    const isLeft = index < cut || (index === cut && left <= right);
    if (HEADER_BYTES + (isLeft ? left : right) + this.deltaSize > LEAF_MAX_BYTES) return undefined;
    return [
      { from: 0, to: cut, newIndex: isLeft ? index : -1 },
      { from: cut, to: count, newIndex: isLeft ? -1 : index - cut },
    ];
  }

  /** What is before the new element, the element, and what is behind it: it joins a side where it fits. */
  #cutAtElement(page: View, index: number): readonly PartRange[] {
    const count = slotCount(page);
    const room = LEAF_MAX_BYTES - HEADER_BYTES - this.deltaSize;
    const before: PartRange = { from: 0, to: index, newIndex: -1 };
    const alone: PartRange = { from: index, to: index, newIndex: 0 };
    const behind: PartRange = { from: index, to: count, newIndex: -1 };
    if (index === 0) return [alone, behind];
    if (index === count) return [before, alone];
    if (elementsContentBytes(page, 0, index) <= room) return [{ ...before, newIndex: index }, behind];
    if (elementsContentBytes(page, index, count) <= room) return [before, { ...behind, newIndex: 0 }];
    return [before, alone, behind];
  }

  #fillPart(target: View, source: View, range: PartRange): void {
    const { from, to, newIndex } = range;
    const content = elementsContentBytes(source, from, to) + (newIndex >= 0 ? this.deltaSize : 0);
    makeLeafPage(target, this.kind, capacityFor(HEADER_BYTES + content, LEAF_MAX_BYTES));
    if (newIndex < 0) {
      appendElements(target, source, from, to);
      return;
    }
    appendElements(target, source, from, from + newIndex);
    insertElement(target, newIndex, this.element);
    appendElements(target, source, from + newIndex, to);
  }

  /** Finds the shortest separators between the parts. */
  #separateParts(): void {
    for (let i = 1; i < this.partCount; i++) {
      const left = present(this.parts[i - 1], "a part").page;
      const part = present(this.parts[i], "a part");
      viewKey(left, elementAt(left, slotCount(left) - 1), this.#lastKey);
      viewKey(part.page, elementAt(part.page, 0), this.#firstKey);
      makeSeparator(this.#lastKey, this.#firstKey, part.separator);
    }
  }
}

/** Makes `out` the shortest prefix of `first` that comes behind `last`, in memory of its own. */
function makeSeparator(last: View, first: View, out: View): void {
  const longest = Math.min(last.end - last.start, first.end - first.start);
  let shared = 0;
  while (shared < longest && last.buf[last.start + shared] === first.buf[first.start + shared]) shared++;
  const end = Math.min(first.start + shared + 1, first.end);
  out.buf = Buffer.from(first.buf.subarray(first.start, end));
  out.start = 0;
  out.end = out.buf.length;
}
