/**
 * TreePages: a handle on one tree: its descriptor and its pages, read and written through a transaction.
 * page-tree.ts builds on it what keeps the pages a tree.
 */

import { assert, present } from "../base/assert.ts";
import { readU32, readU48, writeU32, writeU48 } from "../base/bytes.ts";
import { appendEntries, childPage, entriesContentBytes } from "./inner-page.ts";
import { appendElements } from "./leaf-page.ts";
import {
  capacityFor,
  contentBytes,
  freeBytes,
  garbageBytes,
  HEADER_BYTES,
  INNER_MAX_BYTES,
  isInner,
  LEAF_MAX_BYTES,
  makeInnerPage,
  makeLeafPage,
  moveSlotsToEnd,
  slotCount,
  slotsStart,
  type TreeKind,
} from "./page.ts";
import { PageChange, type PageNumber, type Transaction, type TreeId, View } from "./transaction.ts";

/** Bytes of a tree's descriptor (docs/formats/keys.md). */
export const DESCRIPTOR_BYTES = 32;
/** The separator of a first child. */
export const NO_SEPARATOR = new View();

/** A page that is packed gets a share of its content as room, so that it is not packed again at once: 1/8. */
const SLACK_SHARE = 8;

export class TreePages {
  readonly kind: TreeKind;
  /** Elements, or bytes for kind 3. */
  count = 0;
  /** Content of all leaves: about the bytes of the elements. */
  sizeBytes = 0;
  id: TreeId = 0;
  /** Levels of inner pages above the leaves. */
  height = 0;
  root: PageNumber = 0;
  /** Whether the descriptor must be written back. */
  isChanged = false;

  #tx: Transaction | undefined;
  #nextPage: PageNumber = 1;
  /** The page last read at each level; 0 is the leaf. */
  protected readonly views: View[] = [];
  readonly #numbers: PageNumber[] = [];

  readonly #change = new PageChange();

  /** A page that is being made. */
  protected readonly fresh = new View();

  constructor(kind: TreeKind) {
    this.kind = kind;
  }

  /** Makes a new, empty tree in the transaction. */
  create(tx: Transaction): void {
    this.#tx = tx;
    this.id = tx.newTreeId();
    this.count = 0;
    this.sizeBytes = 0;
    this.height = 0;
    this.#nextPage = 1;
    this.makeEmptyRoot();
  }

  /** Opens the tree whose descriptor lies at `buf[at]`. */
  open(tx: Transaction, buf: Buffer, at: number): void {
    this.#tx = tx;
    assert(buf[at + 7] === this.kind, "a descriptor is opened by a tree of its kind");
    this.id = readU48(buf, at);
    this.height = buf[at + 6] as number;
    this.root = readU32(buf, at + 8);
    this.#nextPage = readU32(buf, at + 12);
    this.count = readU48(buf, at + 18);
    this.sizeBytes = readU48(buf, at + 26);
    this.isChanged = false;
  }

  /** Writes the descriptor, DESCRIPTOR_BYTES long, at `buf[at]`. */
  writeDescriptor(buf: Buffer, at: number): void {
    writeU48(buf, at, this.id);
    buf[at + 6] = this.height;
    buf[at + 7] = this.kind;
    writeU32(buf, at + 8, this.root);
    writeU32(buf, at + 12, this.#nextPage);
    buf[at + 16] = 0;
    buf[at + 17] = 0;
    writeU48(buf, at + 18, this.count);
    buf[at + 24] = 0;
    buf[at + 25] = 0;
    writeU48(buf, at + 26, this.sizeBytes);
  }

  /** Gives all pages to the garbage collector. The handle must be opened again before it is used. */
  discard(): void {
    this.tx.discardTree(this.id);
    this.#tx = undefined;
  }

  /** Makes `target` a new tree with the same elements: page by page, O(pages). */
  copyTo(target: TreePages): void {
    target.create(this.tx);
    target.#nextPage = this.#nextPage;
    target.height = this.height;
    target.root = this.root;
    target.count = this.count;
    target.sizeBytes = this.sizeBytes;
    if (this.root !== 1) this.tx.deletePage(target.id, 1);
    this.#copySubtree(this.root, this.height, target.id);
  }

  /** The transaction that the tree is open in. */
  get tx(): Transaction {
    return present(this.#tx, "an opened tree's transaction");
  }

  // ---- pages

  /** Reads a page into the View of its level. */
  protected read(number: PageNumber, level: number): View {
    let view = this.views[level];
    if (view === undefined) {
      view = new View();
      this.views[level] = view;
    }
    this.#numbers[level] = number;
    this.tx.readPage(this.id, number, view);
    assert(isInner(view) === level > 0, "pages with children are those above level 0");
    return view;
  }

  /** The number of the page read last at `level`. */
  protected numberOf(level: number): PageNumber {
    return this.#numbers[level] as PageNumber;
  }

  /** The leaf that is read next will be looked at first so many bytes before its end. */
  protected expectLook(bytesBeforeEnd: number): void {
    const leaf = this.views[0];
    if (leaf !== undefined) leaf.lookBeforeEnd = bytesBeforeEnd;
  }

  /**
   * Makes header, slots and slack of the page in `page` editable, with room for `needBytes` more between heap and slots.
   * What the heap holds already stays as it is.
   */
  protected edit(number: PageNumber, page: View, needBytes: number): void {
    const oldLength = page.end - page.start;
    const change = this.#change;
    change.capacity = oldLength;
    const isLacking = freeBytes(page) < needBytes;
    if (isLacking && garbageBytes(page) > 0) {
      this.rewrite(number, page, needBytes + contentBytes(page) / SLACK_SHARE);
      change.capacity = 0;
    } else if (isLacking) {
      const limit = isInner(page) ? INNER_MAX_BYTES : LEAF_MAX_BYTES;
      change.capacity = capacityFor(HEADER_BYTES + contentBytes(page) + needBytes, limit);
    }
    change.from = slotsStart(page);
    change.to = page.end - page.start;
    this.#editAs(number, page);
    if (change.capacity > oldLength) moveSlotsToEnd(page, oldLength);
  }

  /** Makes the header and the bytes [from, to) of the page in `page` editable. */
  protected editBytes(number: PageNumber, page: View, from: number, to: number): void {
    const change = this.#change;
    change.capacity = 0;
    change.from = from;
    change.to = to;
    this.#editAs(number, page);
  }

  #editAs(number: PageNumber, page: View): void {
    const edited = this.tx.editPage(this.id, number, this.#change);
    page.buf = edited.buf;
    page.start = edited.start;
    page.end = edited.end;
  }

  /** Writes the page anew without garbage, in a buffer with room for `needBytes` more. */
  protected rewrite(number: PageNumber, page: View, needBytes: number): void {
    const fresh = this.fresh;
    this.packPage(fresh, page, 0, slotCount(page), Math.ceil(needBytes));
    this.writePage(number, fresh);
    page.buf = fresh.buf;
    page.start = fresh.start;
    page.end = fresh.end;
  }

  protected writePage(number: PageNumber, page: View): void {
    this.tx.writePage(this.id, number, page.buf);
  }

  protected newPageNumber(): PageNumber {
    assert(this.#nextPage < 0xffff_ffff, "a tree has page numbers left");
    return this.#nextPage++;
  }

  /** Makes `fresh` a page with slots [from, to) of another. */
  protected packPage(fresh: View, source: View, from: number, to: number, needBytes: number): void {
    if (isInner(source)) {
      const content = entriesContentBytes(source, from, to) + needBytes;
      makeInnerPage(fresh, this.kind, capacityFor(HEADER_BYTES + content, INNER_MAX_BYTES));
      appendEntries(fresh, source, { from, to, firstSeparator: NO_SEPARATOR });
      return;
    }
    const length = HEADER_BYTES + contentBytes(source) + needBytes;
    makeLeafPage(fresh, this.kind, capacityFor(length, LEAF_MAX_BYTES));
    appendElements(fresh, source, from, to);
  }

  protected makeEmptyRoot(): void {
    this.root = this.newPageNumber();
    makeLeafPage(this.fresh, this.kind, HEADER_BYTES);
    this.writePage(this.root, this.fresh);
    this.isChanged = true;
  }

  #copySubtree(number: PageNumber, level: number, target: TreeId): void {
    const page = this.read(number, level);
    this.tx.writePage(target, number, Buffer.from(page.buf.subarray(page.start, page.end)));
    if (level === 0) return;
    for (let i = 0; i < slotCount(page); i++) this.#copySubtree(childPage(page, i), level - 1, target);
  }
}
