/**
 * The inline form of a list: (length varint, bytes) each, in order.
 * Worked example: ["a", "", "bc"] is `03 01 61 00 02 62 63`.
 */

import { copyRange } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { INLINE_LIMIT_BYTES, InlineEntries } from "./inline-entries.ts";

/** More elements do not fit into an inline list: each takes a byte at least. */
const MAX_COUNT = INLINE_LIMIT_BYTES;
const starts = new Uint16Array(MAX_COUNT);

export class InlineList extends InlineEntries {
  /** The element that `at`, `next` or `previous` stands on. */
  elementStart = 0;
  elementEnd = 0;
  #entryStart = 0;

  /** Stands before the first element. */
  rewind(): void {
    this.elementEnd = this.start;
  }

  /** Stands on the next element; false at the end. */
  next(): boolean {
    const at = this.elementEnd;
    if (at >= this.end) return false;
    const size = readVarint(this.buf, at);
    this.#entryStart = at;
    this.elementStart = at + varintSize(size);
    this.elementEnd = this.elementStart + size;
    return true;
  }

  /** Stands on the element at a position below `count`. */
  at(position: number): void {
    this.rewind();
    for (let i = 0; i <= position; i++) this.next();
  }

  /** Visits the elements from `position` back to the first while `visit`, given the position, answers true. */
  visitBackward(position: number, visit: (position: number) => boolean): void {
    this.rewind();
    for (let i = 0; i <= position; i++) {
      starts[i] = this.elementEnd - this.start;
      this.next();
    }
    for (let i = position; i >= 0; i--) {
      this.elementEnd = this.start + (starts[i] as number);
      this.next();
      if (!visit(i)) return;
    }
  }

  /** Puts an element before the one at `position`, or behind all. False, with nothing changed, where it does not fit. */
  insert(position: number, buf: Buffer, start: number, end: number): boolean {
    const size = end - start;
    const sizeBytes = varintSize(size) + size;
    if (!this.fits(this.count + 1, sizeBytes)) return false;
    const gap = this.splice(this.#offsetOf(position), 0, sizeBytes);
    copyRange(buf, start, end, this.buf, writeVarint(this.buf, gap, size));
    this.count++;
    return true;
  }

  /** Makes the element at `position` the given bytes. False, with nothing changed, where they do not fit. */
  set(position: number, buf: Buffer, start: number, end: number): boolean {
    this.at(position);
    const size = end - start;
    const sizeBytes = varintSize(size) + size;
    const oldBytes = this.elementEnd - this.#entryStart;
    if (!this.fits(this.count, sizeBytes - oldBytes)) return false;
    const gap = this.splice(this.#entryStart, oldBytes, sizeBytes);
    copyRange(buf, start, end, this.buf, writeVarint(this.buf, gap, size));
    return true;
  }

  /** Removes the elements at [from, to). */
  removeRange(from: number, to: number): void {
    const end = this.#offsetOf(to);
    const start = this.#offsetOf(from);
    this.splice(start, end - start, 0);
    this.count -= to - from;
  }

  /** Where the element at `position` begins, or the end. */
  #offsetOf(position: number): number {
    if (position === this.count) return this.end;
    this.rewind();
    for (let i = 0; i < position; i++) this.next();
    return this.elementEnd;
  }
}
