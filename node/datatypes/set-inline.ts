/**
 * The inline form of a set: (length varint, member) each, in the order of (hash, member) under the table's key,
 * so that positions mean the same on every replica and in both forms.
 * A search for a member compares bytes; hashes are computed only to find the place of a new one (binary search).
 */

import { compareRanges, copyRange } from "../base/bytes.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { hasSameBytes, INLINE_LIMIT_BYTES, InlineEntries } from "./inline-entries.ts";

/** Where the entries begin, filled by a search: valid until the next search of any set. An entry has a byte or more. */
const entryOffsets = new Int32Array(INLINE_LIMIT_BYTES);

export class InlineSet extends InlineEntries {
  /** The entry that `find`, `at` or `next` stands on. */
  entryStart = 0;
  memberStart = 0;
  memberEnd = 0;

  /** Stands on a member; false where it is not in the set. */
  find(member: Uint8Array, start: number, end: number): boolean {
    const { buf } = this;
    const limit = this.end;
    let index = 0;
    let at = this.start;
    while (at < limit) {
      const memberSize = readVarint(buf, at);
      const memberStart = at + varintSize(memberSize);
      if (hasSameBytes(buf, memberStart, memberStart + memberSize, member, start, end)) {
        this.entryStart = at;
        this.memberStart = memberStart;
        this.memberEnd = memberStart + memberSize;
        return true;
      }
      entryOffsets[index++] = at;
      at = memberStart + memberSize;
    }
    return false;
  }

  rewind(): void {
    this.memberEnd = this.start;
  }

  next(): boolean {
    const at = this.memberEnd;
    if (at >= this.end) return false;
    this.#stand(at);
    return true;
  }

  /** Stands on the member of a position below `count`. */
  at(index: number): void {
    this.rewind();
    for (let i = 0; i <= index; i++) this.next();
  }

  /** Adds a member for which `find` has just answered false. False, with nothing changed, where it does not fit. */
  insert(key: HashKey, member: Buffer, start: number, end: number): boolean {
    const size = end - start;
    const sizeBytes = varintSize(size) + size;
    if (!this.fits(this.count + 1, sizeBytes)) return false;
    const gap = this.splice(this.#placeOf(key, member, start, end), 0, sizeBytes);
    copyRange(member, start, end, this.buf, writeVarint(this.buf, gap, size));
    this.count++;
    return true;
  }

  /** Adds a member that is known to be behind all others. False, with nothing changed, where it does not fit. */
  append(member: Buffer, start: number, end: number): boolean {
    const size = end - start;
    const sizeBytes = varintSize(size) + size;
    if (!this.fits(this.count + 1, sizeBytes)) return false;
    const gap = this.splice(this.end, 0, sizeBytes);
    copyRange(member, start, end, this.buf, writeVarint(this.buf, gap, size));
    this.count++;
    return true;
  }

  /** Removes the member stood on. */
  remove(): void {
    this.splice(this.entryStart, this.memberEnd - this.entryStart, 0);
    this.count--;
  }

  #stand(at: number): void {
    const size = readVarint(this.buf, at);
    this.entryStart = at;
    this.memberStart = at + varintSize(size);
    this.memberEnd = this.memberStart + size;
  }

  /** Offset of the first entry behind a member that is not there. */
  #placeOf(key: HashKey, member: Buffer, start: number, end: number): number {
    const hash = hash32(key, member, start, end);
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      this.#stand(entryOffsets[middle] as number);
      const other = hash32(key, this.buf, this.memberStart, this.memberEnd);
      const isBefore =
        other !== hash
          ? other < hash
          : compareRanges(this.buf, this.memberStart, this.memberEnd, member, start, end) < 0;
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low === this.count ? this.end : (entryOffsets[low] as number);
  }
}
