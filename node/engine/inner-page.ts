/**
 * Inner pages (layout in page.ts): children with their totals and, in keyed trees, separators.
 * A page that is changed has room for it (`freeBytes`) and a buffer that is the transaction's own.
 */

import { assert } from "../base/assert.ts";
import { compareRanges, copyRange, readU32, readU48, writeU32, writeU48 } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import {
  addGarbage,
  closeSlots,
  heapEnd,
  INNER_FLAG,
  INNER_SLOT_BYTES,
  KEYED,
  KEYED_INNER_SLOT_BYTES,
  kindOf,
  openSlot,
  setHeapEnd,
  slotCount,
  type TreeKind,
} from "./page.ts";
import { View } from "./transaction.ts";

function innerSlotAt(page: View, index: number): number {
  const width = page.buf[page.start] === (KEYED | INNER_FLAG) ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES;
  return page.end - width * (index + 1);
}

export function childPage(page: View, index: number): number {
  return readU32(page.buf, innerSlotAt(page, index));
}

/** Elements (bytes, for kind 3) below child `index`. */
export function childCount(page: View, index: number): number {
  return readU48(page.buf, innerSlotAt(page, index) + 4);
}

/** Counts of the children before `index`, together: one pass over the slots, since ranks are asked for often. */
export function countBefore(page: View, index: number): number {
  const { buf, end } = page;
  const width = buf[page.start] === (KEYED | INNER_FLAG) ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES;
  let low = 0;
  let high = 0;
  const last = end - width * index;
  for (let at = end - width; at >= last; at -= width) {
    low += ((buf[at + 7] as number) << 16) | ((buf[at + 8] as number) << 8) | (buf[at + 9] as number);
    high += ((buf[at + 4] as number) << 16) | ((buf[at + 5] as number) << 8) | (buf[at + 6] as number);
  }
  return high * 0x1000000 + low;
}

/** The child that holds the element at `position` below the page. */
export function childAtPosition(page: View, position: number): number {
  const { buf, end } = page;
  const width = buf[page.start] === (KEYED | INNER_FLAG) ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES;
  let rest = position;
  let index = 0;
  for (let at = end - width; ; at -= width) {
    const low = ((buf[at + 7] as number) << 16) | ((buf[at + 8] as number) << 8) | (buf[at + 9] as number);
    const high = ((buf[at + 4] as number) << 16) | ((buf[at + 5] as number) << 8) | (buf[at + 6] as number);
    rest -= high === 0 ? low : high * 0x1000000 + low;
    if (rest < 0) return index;
    index++;
  }
}

/** Content bytes of the leaves below child `index`. */
export function childSize(page: View, index: number): number {
  return readU48(page.buf, innerSlotAt(page, index) + 10);
}

export function setChild(page: View, index: number, child: number): void {
  writeU32(page.buf, innerSlotAt(page, index), child);
}

export function setChildTotals(page: View, index: number, count: number, sizeBytes: number): void {
  const at = innerSlotAt(page, index);
  assert(count > 0 && sizeBytes > 0, "a child of an inner page holds something");
  writeU48(page.buf, at + 4, count);
  writeU48(page.buf, at + 10, sizeBytes);
}

/** Points `out` at the separator of child `index` of a keyed inner page. */
export function viewSeparator(page: View, index: number, out: View): void {
  const at = page.start + readU32(page.buf, innerSlotAt(page, index) + 16);
  const length = readVarint(page.buf, at);
  out.buf = page.buf;
  out.start = at + varintSize(length);
  out.end = out.start + length;
}

/** Index of the child of a keyed inner page that `buf[start, end)` belongs to. */
export function findChild(page: View, buf: Buffer, start: number, end: number): number {
  let low = 1;
  let high = slotCount(page);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = page.start + readU32(page.buf, innerSlotAt(page, middle) + 16);
    const length = readVarint(page.buf, at);
    const from = at + varintSize(length);
    if (compareRanges(page.buf, from, from + length, buf, start, end) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What an inner entry adds to a page's content. */
export function entryContentBytes(kind: TreeKind, separatorLength: number): number {
  return kind === KEYED ? KEYED_INNER_SLOT_BYTES + varintSize(separatorLength) + separatorLength : INNER_SLOT_BYTES;
}

/** Puts a child with empty totals at `index` of an editable inner page that has room. `separator`: keyed ones only. */
export function insertEntry(page: View, index: number, child: number, separator: View): void {
  const kind = kindOf(page);
  const at = heapEnd(page);
  if (kind === KEYED) {
    const bytesAt = writeVarint(page.buf, page.start + at, separator.end - separator.start);
    setHeapEnd(page, copyRange(separator.buf, separator.start, separator.end, page.buf, bytesAt) - page.start);
  }
  openSlot(page, index, kind === KEYED ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES);
  setChild(page, index, child);
  if (kind === KEYED) writeU32(page.buf, innerSlotAt(page, index) + 16, at);
}

/** Takes `count` children from `index` on out of an editable inner page; the new first child's separator becomes empty. */
export function removeEntries(page: View, index: number, count: number): void {
  const isKeyed = kindOf(page) === KEYED;
  if (isKeyed) for (let i = index; i < index + count; i++) addGarbage(page, separatorBytes(page, i));
  closeSlots(page, index, count, isKeyed ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES);
  if (isKeyed && index === 0 && slotCount(page) > 0) {
    const at = readU32(page.buf, innerSlotAt(page, 0) + 16);
    addGarbage(page, separatorBytes(page, 0) - 1);
    page.buf[page.start + at] = 0;
  }
}

function separatorBytes(page: View, index: number): number {
  const length = readVarint(page.buf, page.start + readU32(page.buf, innerSlotAt(page, index) + 16));
  return varintSize(length) + length;
}

/**
 * Adds children [from, to) of another inner page behind those of an editable one that has room.
 * `firstSeparator` becomes the separator of the first of them.
 */
export function appendEntries(
  page: View,
  source: View,
  range: { from: number; to: number; firstSeparator: View },
): void {
  const separator = new View();
  const isKeyed = kindOf(page) === KEYED;
  for (let i = range.from; i < range.to; i++) {
    if (isKeyed && i > range.from) viewSeparator(source, i, separator);
    const index = slotCount(page);
    insertEntry(page, index, childPage(source, i), i === range.from ? range.firstSeparator : separator);
    setChildTotals(page, index, childCount(source, i), childSize(source, i));
  }
}

/** Content bytes of children [from, to). */
export function entriesContentBytes(page: View, from: number, to: number): number {
  if (kindOf(page) !== KEYED) return INNER_SLOT_BYTES * (to - from);
  let total = KEYED_INNER_SLOT_BYTES * (to - from);
  for (let i = from; i < to; i++) total += separatorBytes(page, i);
  return total;
}
