/**
 * The inline form of a hash: (length varint, field, length varint, value) each, in insertion order.
 * Worked example: {"a": "1", "bc": ""} is `02 01 61 01 31 02 62 63 00`.
 */

import { copyRange } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { hasSameBytes, InlineEntries } from "./inline-entries.ts";

export class InlineHash extends InlineEntries {
  /** The entry that `find`, `at` or `next` stands on. */
  entryStart = 0;
  fieldStart = 0;
  fieldEnd = 0;
  valueStart = 0;
  valueEnd = 0;

  /** Stands on the entry of a field; false where there is none. */
  find(field: Uint8Array, start: number, end: number): boolean {
    const { buf } = this;
    const limit = this.end;
    let at = this.start;
    while (at < limit) {
      const fieldSize = readVarint(buf, at);
      const fieldStart = at + varintSize(fieldSize);
      const fieldEnd = fieldStart + fieldSize;
      const valueSize = readVarint(buf, fieldEnd);
      const valueStart = fieldEnd + varintSize(valueSize);
      if (hasSameBytes(buf, fieldStart, fieldEnd, field, start, end)) {
        this.entryStart = at;
        this.fieldStart = fieldStart;
        this.fieldEnd = fieldEnd;
        this.valueStart = valueStart;
        this.valueEnd = valueStart + valueSize;
        return true;
      }
      at = valueStart + valueSize;
    }
    return false;
  }

  /** Stands before the first entry. */
  rewind(): void {
    this.valueEnd = this.start;
  }

  /** Stands on the next entry; false at the end. */
  next(): boolean {
    const buf = this.buf;
    const at = this.valueEnd;
    if (at >= this.end) return false;
    const fieldSize = readVarint(buf, at);
    this.entryStart = at;
    this.fieldStart = at + varintSize(fieldSize);
    this.fieldEnd = this.fieldStart + fieldSize;
    const valueSize = readVarint(buf, this.fieldEnd);
    this.valueStart = this.fieldEnd + varintSize(valueSize);
    this.valueEnd = this.valueStart + valueSize;
    return true;
  }

  /** Stands on the entry of a position below `count`. */
  at(index: number): void {
    this.rewind();
    for (let i = 0; i <= index; i++) this.next();
  }

  /** Replaces the value of the entry stood on. False, with nothing changed, where it does not fit. */
  replaceValue(value: Buffer, start: number, end: number): boolean {
    const size = end - start;
    const sizeBytes = varintSize(size) + size;
    const oldBytes = this.valueEnd - this.fieldEnd;
    if (!this.fits(this.count, sizeBytes - oldBytes)) return false;
    const gap = this.splice(this.fieldEnd, oldBytes, sizeBytes);
    copyRange(value, start, end, this.buf, writeVarint(this.buf, gap, size));
    return true;
  }

  /** Adds a field that is not there, at the end. False, with nothing changed, where it does not fit. */
  append(
    field: Buffer,
    fieldStart: number,
    fieldEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): boolean {
    const fieldSize = fieldEnd - fieldStart;
    const valueSize = valueEnd - valueStart;
    const sizeBytes = varintSize(fieldSize) + fieldSize + varintSize(valueSize) + valueSize;
    if (!this.fits(this.count + 1, sizeBytes)) return false;
    const gap = this.splice(this.end, 0, sizeBytes);
    const behind = copyRange(field, fieldStart, fieldEnd, this.buf, writeVarint(this.buf, gap, fieldSize));
    copyRange(value, valueStart, valueEnd, this.buf, writeVarint(this.buf, behind, valueSize));
    this.count++;
    return true;
  }

  /** Removes the entry stood on. */
  remove(): void {
    this.splice(this.entryStart, this.valueEnd - this.entryStart, 0);
    this.count--;
  }
}
