/**
 * PageTree: what all B+trees of pages share: the descriptor, how a change below a page is absorbed by the pages
 * above it (totals, splits, merges), and how whole ranges and whole trees go. The variants are
 *   keyed-tree.ts  ordered by the bytes of keys      list-tree.ts  by position      byte-tree.ts  chunks of a string
 * and tree-cursor.ts walks through the first two, tree-builder.ts makes them from sorted input.
 *
 * A tree object is only a handle on a descriptor (32 bytes within a record): `create` or `open` it for a transaction,
 * work, and if `isChanged`, write the descriptor back into the record. It can be opened again for another tree.
 * It caches nothing of the pages, so a MISS in the middle needs no care: drop it and open again.
 * Byte ranges that are given must not lie in pages of the same tree; Views that are given out are valid until the
 * tree is changed.
 *
 * Invariants (checked in tests by support/tree-invariants.ts)
 * - Descriptor and inner pages have the exact counts and sizes of what is below them.
 * - No page but an empty tree's root is empty; two neighbours under one parent that fit into one page of
 *   MERGE_LEAF_BYTES (MERGE_INNER_BYTES) have been merged. The root of a tree with height has two children at least.
 * - A page that is no longer part of the tree has been deleted.
 */

import { assert, present } from "../base/assert.ts";
import {
  appendEntries,
  childCount,
  childPage,
  childSize,
  entriesContentBytes,
  entryContentBytes,
  insertEntry,
  removeEntries,
  setChild,
  setChildCount,
  setChildSize,
  viewSeparator,
} from "./inner-page.ts";
import { appendElements } from "./leaf-page.ts";
import {
  BYTES,
  capacityFor,
  contentBytes,
  HEADER_BYTES,
  INNER_MAX_BYTES,
  INNER_MIN_CHILDREN,
  KEYED,
  LEAF_MAX_BYTES,
  makeInnerPage,
  makeLeafPage,
  slotCount,
} from "./page.ts";
import { type PageNumber, type Transaction, View } from "./transaction.ts";
import { NO_SEPARATOR, TreePages } from "./tree-pages.ts";

/** Neighbours that fit into this much are merged: less than a whole page, so that it is not split again at once. */
const MERGE_LEAF_BYTES = (3 * LEAF_MAX_BYTES) / 4;
const MERGE_INNER_BYTES = (3 * INNER_MAX_BYTES) / 4;

/** Which edges of the tree a page lies on: bits. Pages on an edge are split so that ascending inserts fill them. */
const LEFT_EDGE = 1;
const RIGHT_EDGE = 2;
const BOTH_EDGES = LEFT_EDGE | RIGHT_EDGE;

/** One of the pages that a page became when it was split. */
class Part {
  number: PageNumber = 0;
  count = 0;
  sizeBytes = 0;
  readonly page = new View();
  /** Keyed trees: what tells it from the part before; of the first part, unused. */
  readonly separator = new View();
}

/** A page is split into at most this many: what is before the new element, the element, and what is behind it. */
const MAX_PARTS = 3;

export abstract class PageTree extends TreePages {
  // What became of the level below, for `absorb`.
  protected deltaCount = 0;
  protected deltaSize = 0;
  /** Above 0: the page was split into `parts`. */
  protected partCount = 0;
  protected readonly parts: readonly Part[] = Array.from({ length: MAX_PARTS }, () => new Part());
  /** Whether the inner page below has lost a child. */
  #hasLostEntry = false;
  /** Of the pages on the way of a change, by level. */
  readonly #edges: number[] = [];
  readonly #left = new View();
  readonly #right = new View();
  readonly #separator = new View();

  override create(tx: Transaction): void {
    this.#forgetChange();
    super.create(tx);
  }

  /** Forgets, too, what a MISS left of an unfinished change. */
  override open(tx: Transaction, buf: Buffer, at: number): void {
    this.#forgetChange();
    super.open(tx, buf, at);
  }

  #forgetChange(): void {
    this.partCount = 0;
    this.#hasLostEntry = false;
  }

  /** Removes what lies at positions [from, to), pages that are covered without reading them: O(pages + log n). */
  removeRange(from: number, to: number): void {
    assert(from >= 0 && from <= to && to <= this.count, "a range that is removed lies within the tree");
    if (from === to) return;
    this.#removeIn(this.root, this.height, from, to);
    this.finish();
  }

  /** Removes [from, to) of the leaf in `page`, and says by how much it shrank in the deltas. */
  protected abstract removeFromLeaf(number: PageNumber, page: View, from: number, to: number): void;

  // ---- changes, from the leaf upwards

  /** The edges that child `index` of a page lies on. */
  protected edgesOf(page: View, index: number, edges: number): number {
    return edges & ((index === 0 ? LEFT_EDGE : 0) | (index === slotCount(page) - 1 ? RIGHT_EDGE : 0));
  }

  protected static readonly allEdges = BOTH_EDGES;

  /** Notes the edges that the page read last at `level` lies on. */
  protected noteEdges(level: number, edges: number): void {
    this.#edges[level] = edges;
  }

  /** Whether what is new at `index` of the page of `level`, which has `count`, lies at an end of the whole tree. */
  protected isAtTreeEnd(level: number, index: number, count: number): boolean {
    const edges = this.#edges[level] as number;
    return (index === count && (edges & RIGHT_EDGE) !== 0) || (index === 0 && (edges & LEFT_EDGE) !== 0);
  }

  /** Brings the inner page of `level` up to date with what happened to its child `index`. */
  protected absorb(level: number, index: number): void {
    const page = present(this.views[level], "the view of a level");
    const hasChildShrunk = this.#hasLostEntry;
    this.#hasLostEntry = false;
    if (this.partCount > 0) {
      this.#replaceChild(level, index);
      return;
    }
    if (this.deltaCount === 0 && this.deltaSize === 0 && !hasChildShrunk) return;
    this.edit(this.numberOf(level), page, 0);
    const count = childCount(page, index) + this.deltaCount;
    if (count === 0) {
      this.tx.deletePage(this.id, childPage(page, index));
      removeEntries(page, index, 1);
      this.#hasLostEntry = true;
      this.#mergeAround(page, level, { from: index - 1, to: index, areInnerChecked: false });
      return;
    }
    setChildCount(page, index, count);
    setChildSize(page, index, childSize(page, index) + this.deltaSize);
    if (this.deltaSize < 0 || hasChildShrunk) {
      this.#mergeAround(page, level, { from: index - 1, to: index + 1, areInnerChecked: hasChildShrunk });
    }
  }

  /** Ends a change: the descriptor's totals, and a root that grew or shrank. */
  protected finish(): void {
    this.count += this.deltaCount;
    this.sizeBytes += this.deltaSize;
    assert(this.count >= 0 && this.sizeBytes >= 0, "a tree's totals are never negative");
    if (this.deltaCount !== 0 || this.deltaSize !== 0 || this.partCount > 0) this.isChanged = true;
    if (this.partCount > 0) this.#growRoot();
    if (this.#hasLostEntry) this.#shrinkRoot();
    this.#hasLostEntry = false;
  }

  /** Puts the parts of child `index` in its place, and splits the page if it became too long. */
  #replaceChild(level: number, index: number): void {
    const number = this.numberOf(level);
    const page = present(this.views[level], "the view of a level");
    let need = 0;
    for (let i = 1; i < this.partCount; i++) {
      const separator = this.#part(i).separator;
      need += entryContentBytes(this.kind, separator.end - separator.start);
    }
    this.edit(number, page, need);
    const isAtEnd = this.isAtTreeEnd(level, index, slotCount(page) - 1);
    for (let i = 0; i < this.partCount; i++) {
      const part = this.#part(i);
      if (i > 0) insertEntry(page, index + i, part.separator);
      this.#setPart(page, index + i, part);
    }
    const behind = index + this.partCount;
    this.partCount = 0;
    // A part can be small enough for a neighbour that the whole page did not fit into.
    this.#mergeAround(page, level, { from: index - 1, to: behind, areInnerChecked: true });
    const count = slotCount(page);
    if (HEADER_BYTES + contentBytes(page) <= INNER_MAX_BYTES || count <= INNER_MIN_CHILDREN) return;
    const cut = isAtEnd ? (index === 0 ? 1 : count - 1) : this.#middleEntry(page);
    this.#splitInner(number, page, cut);
  }

  /** The child at which an inner page is cut into halves of about the same length. */
  #middleEntry(page: View): number {
    const count = slotCount(page);
    const half = contentBytes(page) / 2;
    let before = 0;
    for (let i = 1; i < count - 1; i++) {
      before += entriesContentBytes(page, i - 1, i);
      if (before >= half) return i;
    }
    return count - 1;
  }

  #splitInner(number: PageNumber, page: View, cut: number): void {
    const count = slotCount(page);
    const left = this.addPart(number);
    this.packPage(left.page, page, 0, cut, 0);
    const right = this.addPart(this.newPageNumber());
    this.packPage(right.page, page, cut, count, 0);
    if (this.kind === KEYED) {
      viewSeparator(page, cut, right.separator);
      right.separator.buf = Buffer.from(right.separator.buf.subarray(right.separator.start, right.separator.end));
      right.separator.start = 0;
      right.separator.end = right.separator.buf.length;
    }
    for (let i = 0; i < count; i++) {
      const part = i < cut ? left : right;
      part.count += childCount(page, i);
      part.sizeBytes += childSize(page, i);
    }
    this.writePage(left.number, left.page);
    this.writePage(right.number, right.page);
  }

  /** The next of the parts that the page at hand becomes. */
  protected addPart(number: PageNumber): Part {
    const part = this.#part(this.partCount++);
    part.number = number;
    part.count = 0;
    part.sizeBytes = 0;
    return part;
  }

  #part(index: number): Part {
    return present(this.parts[index], "a part of a split page");
  }

  /** Makes a part child `index` of an editable inner page. */
  #setPart(page: View, index: number, { number, count, sizeBytes }: Part): void {
    setChild(page, index, number);
    setChildCount(page, index, count);
    setChildSize(page, index, sizeBytes);
  }

  #growRoot(): void {
    let content = 0;
    for (let i = 0; i < this.partCount; i++) {
      const separator = this.#part(i).separator;
      content += entryContentBytes(this.kind, i === 0 ? 0 : separator.end - separator.start);
    }
    const page = this.fresh;
    makeInnerPage(page, this.kind, capacityFor(HEADER_BYTES + content, INNER_MAX_BYTES));
    for (let i = 0; i < this.partCount; i++) {
      const part = this.#part(i);
      insertEntry(page, i, i === 0 ? NO_SEPARATOR : part.separator);
      this.#setPart(page, i, part);
    }
    this.root = this.newPageNumber();
    this.writePage(this.root, page);
    this.height++;
    this.partCount = 0;
  }

  #shrinkRoot(): void {
    this.isChanged = true;
    while (this.height > 0) {
      const page = this.read(this.root, this.height);
      const count = slotCount(page);
      if (count > 1) return;
      const child = count === 1 ? childPage(page, 0) : 0;
      this.tx.deletePage(this.id, this.root);
      if (child === 0) {
        this.height = 0;
        this.makeEmptyRoot();
        return;
      }
      this.root = child;
      this.height--;
    }
  }

  // ---- merges

  /**
   * Merges neighbours among the children [from, to] of an editable inner page while they fit into one page.
   * Children that are inner pages themselves are read for it, so only where they may have shrunk.
   */
  #mergeAround(page: View, level: number, range: { from: number; to: number; areInnerChecked: boolean }): void {
    if (this.kind === BYTES || (level > 1 && !range.areInnerChecked)) return;
    let index = Math.max(0, range.from);
    let last = range.to;
    while (index < Math.min(last, slotCount(page) - 1)) {
      const isMerged = level === 1 ? this.#mergeLeaves(page, index) : this.#mergeInner(page, level, index);
      if (isMerged) last--;
      else index++;
    }
  }

  #mergeLeaves(page: View, index: number): boolean {
    const content = childSize(page, index) + childSize(page, index + 1);
    if (HEADER_BYTES + content > MERGE_LEAF_BYTES) return false;
    const merged = new View();
    makeLeafPage(merged, this.kind, capacityFor(HEADER_BYTES + content, LEAF_MAX_BYTES));
    this.#readPair(page, index);
    appendElements(merged, this.#left, 0, slotCount(this.#left));
    appendElements(merged, this.#right, 0, slotCount(this.#right));
    this.#putMerged(page, index, merged);
    return true;
  }

  #mergeInner(page: View, level: number, index: number): boolean {
    this.#readPair(page, index);
    const separator = this.#separator;
    if (this.kind === KEYED) viewSeparator(page, index + 1, separator);
    const joint = this.kind === KEYED ? separator.end - separator.start : 0;
    const content = contentBytes(this.#left) + contentBytes(this.#right) + joint;
    // The joint's own length may take more bytes as a varint than the empty separator's.
    const length = HEADER_BYTES + content + 8;
    if (length > MERGE_INNER_BYTES) return false;
    const merged = new View();
    makeInnerPage(merged, this.kind, capacityFor(length, INNER_MAX_BYTES));
    appendEntries(merged, this.#left, { from: 0, to: slotCount(this.#left), firstSeparator: NO_SEPARATOR });
    appendEntries(merged, this.#right, { from: 0, to: slotCount(this.#right), firstSeparator: separator });
    // Children that met under one parent only now may fit into one page, too.
    const joined = slotCount(this.#left);
    this.#mergeAround(merged, level - 1, { from: joined - 1, to: joined, areInnerChecked: true });
    this.#putMerged(page, index, merged);
    return true;
  }

  #readPair(page: View, index: number): void {
    this.tx.readPage(this.id, childPage(page, index), this.#left);
    this.tx.readPage(this.id, childPage(page, index + 1), this.#right);
  }

  #putMerged(page: View, index: number, merged: View): void {
    this.writePage(childPage(page, index), merged);
    this.tx.deletePage(this.id, childPage(page, index + 1));
    const count = childCount(page, index) + childCount(page, index + 1);
    setChildCount(page, index, count);
    setChildSize(page, index, childSize(page, index) + childSize(page, index + 1));
    removeEntries(page, index + 1, 1);
    this.#hasLostEntry = true;
  }

  // ---- ranges and whole trees

  /** Removes positions [from, to) below a page; leaves what it removed in the deltas. */
  #removeIn(number: PageNumber, level: number, from: number, to: number): void {
    const page = this.read(number, level);
    if (level === 0) {
      this.removeFromLeaf(number, page, from, to);
      return;
    }
    this.edit(number, page, 0);
    let removedCount = 0;
    let removedSize = 0;
    let position = 0;
    let index = 0;
    let firstTouched = -1;
    let hasChildShrunk = false;
    let hasLostEntry = false;
    while (index < slotCount(page) && position < to) {
      const count = childCount(page, index);
      const size = childSize(page, index);
      const child = childPage(page, index);
      const start = Math.max(from, position);
      const end = Math.min(to, position + count);
      if (start < end && firstTouched < 0) firstTouched = index;
      if (start === position && end === position + count) {
        this.#deleteSubtree(child, level - 1);
        removeEntries(page, index, 1);
        hasLostEntry = true;
        removedCount += count;
        removedSize += size;
      } else {
        if (start < end) {
          this.#hasLostEntry = false;
          this.#removeIn(child, level - 1, start - position, end - position);
          if (this.#hasLostEntry) hasChildShrunk = true;
          setChildCount(page, index, count + this.deltaCount);
          setChildSize(page, index, size + this.deltaSize);
          removedCount -= this.deltaCount;
          removedSize -= this.deltaSize;
        }
        index++;
      }
      position += count;
    }
    this.#hasLostEntry = hasLostEntry;
    this.deltaCount = -removedCount;
    this.deltaSize = -removedSize;
    const around = { from: firstTouched - 1, to: firstTouched + 2, areInnerChecked: hasLostEntry || hasChildShrunk };
    this.#mergeAround(page, level, around);
  }

  #deleteSubtree(number: PageNumber, level: number): void {
    if (level > 0) {
      const page = this.read(number, level);
      for (let i = 0; i < slotCount(page); i++) this.#deleteSubtree(childPage(page, i), level - 1);
    }
    this.tx.deletePage(this.id, number);
  }
}
