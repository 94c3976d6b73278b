/**
 * The inline form of a collection (docs/formats/keys.md): a count varint and then entries, worked on as bytes.
 * Reads look at the bytes where they lie (cache, overlay); the first change copies them once, with room to grow,
 * and all further changes of the command are made in that copy by moving the tail.
 *
 * Invariants: entries lie in `buf[start, end)`; `sizeBytes()` is the size of the payload they would be stored as,
 * and never passes the inline limit (a change that would is refused by `fits`, and the owner goes over to a tree).
 */

import { assert } from "../base/assert.ts";
import { copyRange } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { Scratch } from "./scratch.ts";

/** Level 1: a collection is inline while its payload is at most this many bytes. */
export const INLINE_LIMIT_BYTES = 2048;
/** Room kept in front of the entries of an own copy for the count varint. */
const COUNT_ROOM_BYTES = 5;
const EMPTY = Buffer.alloc(0);
/** Own copies lie here: they are handed to the transaction and stay as they are. */
const scratch = new Scratch();

/** Whether two ranges have the same bytes. From the end: names tend to begin alike. */
export function hasSameBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  const size = aEnd - aStart;
  if (size !== bEnd - bStart) return false;
  for (let i = size - 1; i >= 0; i--) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}

export class InlineEntries {
  buf: Buffer = EMPTY;
  start = 0;
  end = 0;
  count = 0;
  /** Where the room of the own copy ends in `buf`; 0 before the first change. */
  #ownEnd = 0;

  /** Takes the payload `buf[payloadStart, payloadEnd)` as it lies. */
  attach(buf: Buffer, payloadStart: number, payloadEnd: number): void {
    this.buf = buf;
    this.count = readVarint(buf, payloadStart);
    this.start = payloadStart + varintSize(this.count);
    this.end = payloadEnd;
    this.#ownEnd = 0;
  }

  /** Starts with no entries. */
  clear(): void {
    this.buf = EMPTY;
    this.start = 0;
    this.end = 0;
    this.count = 0;
    this.#ownEnd = 0;
  }

  /** Size of the payload, the count included. */
  sizeBytes(): number {
    return varintSize(this.count) + this.end - this.start;
  }

  /** Whether the payload stays within the inline limit with `count` entries and `addedBytes` more bytes of entries. */
  fits(count: number, addedBytes: number): boolean {
    return varintSize(count) + this.end - this.start + addedBytes <= INLINE_LIMIT_BYTES;
  }

  /**
   * Replaces `removedBytes` at offset `at` (of `buf`, before the call) by a gap of `insertedBytes` for the caller to
   * fill. Returns the gap's offset in the own copy, which `buf` is from then on. Does not change `count`.
   */
  splice(at: number, removedBytes: number, insertedBytes: number): number {
    const tail = at + removedBytes;
    const size = this.end - this.start - removedBytes + insertedBytes;
    if (this.start + size <= this.#ownEnd) {
      if (removedBytes !== insertedBytes) this.buf.copyWithin(at + insertedBytes, tail, this.end);
      this.end = this.start + size;
      return at;
    }
    const capacity = COUNT_ROOM_BYTES + size + roomFor(size);
    const base = scratch.take(capacity);
    const own = scratch.buf;
    const start = base + COUNT_ROOM_BYTES;
    const gap = start + at - this.start;
    copyRange(this.buf, this.start, at, own, start);
    copyRange(this.buf, tail, this.end, own, gap + insertedBytes);
    this.buf = own;
    this.start = start;
    this.end = start + size;
    this.#ownEnd = base + capacity;
    return gap;
  }

  /** Writes the count in front of the entries and returns the payload's offset in `buf`; it ends at `end`. */
  finish(): number {
    assert(this.#ownEnd > 0, "only changed entries are finished");
    const payloadStart = this.start - varintSize(this.count);
    writeVarint(this.buf, payloadStart, this.count);
    return payloadStart;
  }
}

/** Spare room of an own copy: what a command with several elements will want next, within the inline limit. */
function roomFor(sizeBytes: number): number {
  return Math.max(0, Math.min(sizeBytes >> 1, INLINE_LIMIT_BYTES - sizeBytes));
}
