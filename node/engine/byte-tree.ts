/**
 * ByteTree: a long string in chunks of up to CHUNK_MAX_BYTES (kind 3); `count` is its length in bytes.
 * Reading or overwriting a part touches that part's chunks only; appending, the last one. See page-tree.ts for the rules.
 *
 *   tree.append(buf, start, end); tree.overwrite(offset, buf, start, end); tree.extend(length); tree.truncate(length)
 *   tree.visit(from, to, (buf, start, end) => …)
 */

import { assert } from "../base/assert.ts";
import { childCount, childHolding, childPage, countBefore } from "./inner-page.ts";
import {
  BYTES,
  CHUNK_MAX_BYTES,
  capacityFor,
  HEADER_BYTES,
  heapEnd,
  LEAF_MAX_BYTES,
  makeLeafPage,
  setHeapEnd,
  slotCount,
} from "./page.ts";
import { PageTree } from "./page-tree.ts";
import { type PageNumber, View } from "./transaction.ts";

const ZEROS = Buffer.alloc(CHUNK_MAX_BYTES);

export class ByteTree extends PageTree {
  /** What is being appended. */
  #source: Buffer = ZEROS;
  #sourceStart = 0;
  #sourceEnd = 0;
  /** The chunk that `#goTo` went to. */
  #leafNumber: PageNumber = 0;
  #leaf = new View();

  constructor() {
    super(BYTES);
  }

  /** Puts `buf[start, end)` behind what is there. */
  append(buf: Buffer, start: number, end: number): void {
    for (let from = start; from < end; ) from = this.#appendSome(buf, from, end);
    // A handle is kept for the next command: it must not keep a huge one's input alive.
    this.#source = ZEROS;
  }

  /** Makes the string `length` bytes long by zero bytes at its end; a longer one stays as it is. */
  extend(length: number): void {
    while (this.count < length) this.append(ZEROS, 0, Math.min(ZEROS.length, length - this.count));
  }

  /** Cuts the string off at `length` bytes; a shorter one stays as it is. */
  truncate(length: number): void {
    if (length < this.count) this.removeRange(length, this.count);
  }

  /** Makes the bytes from `offset` on those of `buf[start, end)`; the string gets longer where they go beyond its end. */
  overwrite(offset: number, buf: Buffer, start: number, end: number): void {
    assert(offset >= 0 && offset <= this.count, "an overwritten part starts within the string or at its end");
    let position = offset;
    let from = start;
    while (from < end && position < this.count) {
      const at = this.#goTo(position);
      const page = this.#leaf;
      const size = Math.min(end - from, heapEnd(page) - HEADER_BYTES - at);
      this.editBytes(this.#leafNumber, page, HEADER_BYTES + at, HEADER_BYTES + at + size);
      buf.copy(page.buf, page.start + HEADER_BYTES + at, from, from + size);
      from += size;
      position += size;
    }
    this.append(buf, from, end);
  }

  /** Calls `visit` with the bytes [from, to), in order, in pieces that are valid until the tree is changed. */
  visit(from: number, to: number, visit: (buf: Buffer, start: number, end: number) => void): void {
    assert(from >= 0 && from <= to && to <= this.count, "a part that is read lies within the string");
    if (from < to) this.#visitIn(this.root, this.height, { from, to, visit });
  }

  protected override removeFromLeaf(number: PageNumber, page: View, from: number, to: number): void {
    this.deltaCount = from - to;
    this.deltaSize = from - to;
    const dataEnd = heapEnd(page) - HEADER_BYTES;
    if (to - from === dataEnd && this.height > 0) return;
    // What stays goes into a buffer of its own length.
    const kept = dataEnd - (to - from);
    const data = page.start + HEADER_BYTES;
    const fresh = this.fresh;
    makeLeafPage(fresh, BYTES, capacityFor(HEADER_BYTES + kept, LEAF_MAX_BYTES));
    page.buf.copy(fresh.buf, HEADER_BYTES, data, data + from);
    page.buf.copy(fresh.buf, HEADER_BYTES + from, data + to, data + dataEnd);
    setHeapEnd(fresh, HEADER_BYTES + kept);
    this.writePage(number, fresh);
  }

  /** Appends as much of `buf[from, end)` as goes into one chunk; returns where to go on. */
  #appendSome(buf: Buffer, from: number, end: number): number {
    this.#source = buf;
    this.#sourceStart = from;
    this.#sourceEnd = end;
    this.#appendIn(this.root, this.height);
    const next = from + this.deltaCount;
    this.finish();
    return next;
  }

  #appendIn(number: PageNumber, level: number): void {
    const page = this.read(number, level);
    this.noteEdges(level, ByteTree.allEdges);
    if (level > 0) {
      const index = slotCount(page) - 1;
      this.#appendIn(childPage(page, index), level - 1);
      this.absorb(level, index);
      return;
    }
    const used = heapEnd(page) - HEADER_BYTES;
    const room = used < CHUNK_MAX_BYTES ? CHUNK_MAX_BYTES - used : CHUNK_MAX_BYTES;
    const size = Math.min(this.#sourceEnd - this.#sourceStart, room);
    this.deltaCount = size;
    this.deltaSize = size;
    if (used < CHUNK_MAX_BYTES) {
      this.edit(number, page, size);
      this.#source.copy(page.buf, page.start + heapEnd(page), this.#sourceStart, this.#sourceStart + size);
      setHeapEnd(page, heapEnd(page) + size);
      return;
    }
    const full = this.addPart(number);
    full.count = used;
    full.sizeBytes = used;
    const added = this.addPart(this.newPageNumber());
    makeLeafPage(added.page, BYTES, capacityFor(HEADER_BYTES + size, LEAF_MAX_BYTES));
    this.#source.copy(added.page.buf, HEADER_BYTES, this.#sourceStart, this.#sourceStart + size);
    setHeapEnd(added.page, HEADER_BYTES + size);
    added.count = size;
    added.sizeBytes = size;
    this.writePage(added.number, added.page);
  }

  /** Goes to the chunk of byte `position`, which becomes `#leaf`; returns the byte's offset in it. */
  #goTo(position: number): number {
    let number = this.root;
    let rest = position;
    for (let level = this.height; level > 0; level--) {
      const page = this.read(number, level);
      const index = childHolding(page, rest);
      rest -= countBefore(page, index);
      number = childPage(page, index);
    }
    this.#leafNumber = number;
    this.#leaf = this.read(number, 0);
    return rest;
  }

  #visitIn(number: PageNumber, level: number, range: ByteRange): void {
    const page = this.read(number, level);
    if (level === 0) {
      const data = page.start + HEADER_BYTES;
      range.visit(page.buf, data + range.from, data + range.to);
      return;
    }
    let position = 0;
    for (let index = 0; index < slotCount(page) && position < range.to; index++) {
      const count = childCount(page, index);
      const from = Math.max(range.from - position, 0);
      const to = Math.min(range.to - position, count);
      if (from < to) this.#visitIn(childPage(page, index), level - 1, { from, to, visit: range.visit });
      position += count;
    }
  }
}

interface ByteRange {
  readonly from: number;
  readonly to: number;
  readonly visit: (buf: Buffer, start: number, end: number) => void;
}
