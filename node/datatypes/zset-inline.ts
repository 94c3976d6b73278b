/**
 * The inline form of a sorted set: (score 8 bytes, length varint, member) each, by (score, member).
 * Worked example: {"a": 1} is `01 bf f0 00 00 00 00 00 00 01 61`.
 */

import { compareRanges, copyRange } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { hasSameBytes, InlineEntries } from "./inline-entries.ts";
import { readScore, SCORE_BYTES, writeScore } from "./zset-score.ts";

export class InlineZset extends InlineEntries {
  /** The entry that `find`, `at` or `next` stands on, and its position. */
  index = 0;
  entryStart = 0;
  memberStart = 0;
  memberEnd = 0;
  /** Where the entries that `previous` has before it begin. */
  readonly #offsets: number[] = [];

  /** Stands on a member; false where it is not in the set. */
  find(member: Uint8Array, start: number, end: number): boolean {
    const { buf } = this;
    const limit = this.end;
    let index = 0;
    let at = this.start;
    while (at < limit) {
      const memberSize = readVarint(buf, at + SCORE_BYTES);
      const memberStart = at + SCORE_BYTES + varintSize(memberSize);
      if (hasSameBytes(buf, memberStart, memberStart + memberSize, member, start, end)) {
        this.index = index;
        this.entryStart = at;
        this.memberStart = memberStart;
        this.memberEnd = memberStart + memberSize;
        return true;
      }
      index++;
      at = memberStart + memberSize;
    }
    return false;
  }

  /** The score of the entry stood on. */
  score(): number {
    return readScore(this.buf, this.entryStart);
  }

  rewind(): void {
    this.memberEnd = this.start;
    this.index = -1;
  }

  next(): boolean {
    const at = this.memberEnd;
    if (at >= this.end) return false;
    const size = readVarint(this.buf, at + SCORE_BYTES);
    this.index++;
    this.entryStart = at;
    this.memberStart = at + SCORE_BYTES + varintSize(size);
    this.memberEnd = this.memberStart + size;
    return true;
  }

  /** Stands on the member of a position below `count`. */
  at(index: number): void {
    this.rewind();
    for (let i = 0; i <= index; i++) this.next();
  }

  /**
   * Number of entries before (score, member): those with a lower score, and of the same score those whose member is
   * lower than `member[start, end)`, or also equal where `isAfterEqual`.
   */
  rankOf(score: number, member: Buffer, range: { start: number; end: number; isAfterEqual: boolean }): number {
    const { start, end, isAfterEqual } = range;
    this.rewind();
    while (this.next()) {
      const other = this.score();
      if (other > score) return this.index;
      if (other < score) continue;
      const order = compareRanges(this.buf, this.memberStart, this.memberEnd, member, start, end);
      if (order > 0 || (order === 0 && !isAfterEqual)) return this.index;
    }
    return this.count;
  }

  /** Number of entries with a score lower than `score`, or also equal where `isAfterEqual`. */
  rankOfScore(score: number, isAfterEqual: boolean): number {
    this.rewind();
    while (this.next()) {
      const other = this.score();
      if (other > score || (other === score && !isAfterEqual)) return this.index;
    }
    return this.count;
  }

  /** Stands behind the last entry before a position, for `previous`. */
  seekBack(index: number): void {
    this.rewind();
    this.#offsets.length = 0;
    while (this.#offsets.length < index && this.next()) this.#offsets.push(this.entryStart);
  }

  /** Stands on the entry before the one stood on; false at the beginning. Only after `seekBack`. */
  previous(): boolean {
    const offset = this.#offsets.pop();
    if (offset === undefined) return false;
    this.memberEnd = offset;
    this.index = this.#offsets.length - 1;
    return this.next();
  }

  /** Adds a member that is not there. False, with nothing changed, where it does not fit. */
  insert(score: number, member: Buffer, start: number, end: number): boolean {
    if (!this.#fitsMember(end - start)) return false;
    const index = this.#standAtPlace(score, member, start, end);
    this.#write(index === this.count ? this.end : this.entryStart, score, { member, start, end });
    return true;
  }

  /** The same for a member that comes behind all others by (score, member). */
  append(score: number, member: Buffer, start: number, end: number): boolean {
    if (!this.#fitsMember(end - start)) return false;
    this.#write(this.end, score, { member, start, end });
    return true;
  }

  #fitsMember(sizeBytes: number): boolean {
    return this.fits(this.count + 1, SCORE_BYTES + varintSize(sizeBytes) + sizeBytes);
  }

  #write(at: number, score: number, { member, start, end }: { member: Buffer; start: number; end: number }): void {
    const size = end - start;
    const gap = this.splice(at, 0, SCORE_BYTES + varintSize(size) + size);
    writeScore(this.buf, gap, score);
    copyRange(member, start, end, this.buf, writeVarint(this.buf, gap + SCORE_BYTES, size));
    this.count++;
  }

  /** Removes the entry stood on. */
  remove(): void {
    this.splice(this.entryStart, this.memberEnd - this.entryStart, 0);
    this.count--;
  }

  /** Removes the entries of positions [from, to). */
  removeRange(from: number, to: number): void {
    if (from >= to) return;
    this.at(from);
    const start = this.entryStart;
    for (let i = from + 1; i < to; i++) this.next();
    this.splice(start, this.memberEnd - start, 0);
    this.count -= to - from;
  }

  /** Stands on the first entry behind (score, member), if any; answers its position. */
  #standAtPlace(score: number, member: Buffer, start: number, end: number): number {
    this.rewind();
    while (this.next()) {
      const other = this.score();
      if (other < score) continue;
      if (other > score) return this.index;
      if (compareRanges(this.buf, this.memberStart, this.memberEnd, member, start, end) > 0) return this.index;
    }
    return this.count;
  }
}
