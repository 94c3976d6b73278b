/**
 * Inner pages (layout in page.ts): children with their totals and, in keyed trees, separators.
 * A page that is changed has room for it (`freeBytes`) and a buffer that is the transaction's own.
 */

import { assert } from "../base/assert.ts";
import { compareRanges, copyRange, readU32, readU48, writeU32, writeU48 } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { FIRST_STEP, type KeySearch, LAST_STEP, prefixOf } from "./key-search.ts";
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

/** Where in the slot of a keyed inner page the prefix of the separator lies. */
const PREFIX_OFFSET = 20;
/** Children hold between half a page and a whole one: a guess by position is off by one or two. */
const FIRST_POSITION_STEP = 2;

function innerSlotAt(page: View, index: number): number {
  const width = isKeyed(page) ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES;
  return page.end - width * (index + 1);
}

export function childPage(page: View, index: number): number {
  return readU32(page.buf, innerSlotAt(page, index));
}

function isKeyed(page: View): boolean {
  return page.buf[page.start] === (KEYED | INNER_FLAG);
}

/** The count in a slot: in keyed pages of the children up to `index`, in others of child `index`. */
function storedCount(page: View, index: number): number {
  return readU48(page.buf, innerSlotAt(page, index) + 4);
}

/** Elements (bytes, for kind 3) below child `index`. */
export function childCount(page: View, index: number): number {
  const count = storedCount(page, index);
  return index > 0 && isKeyed(page) ? count - storedCount(page, index - 1) : count;
}

/** Counts of the children before `index`, together. */
export function countBefore(page: View, index: number): number {
  if (isKeyed(page)) return index === 0 ? 0 : storedCount(page, index - 1);
  let total = 0;
  for (let i = 0; i < index; i++) total += storedCount(page, i);
  return total;
}

/** The child that holds the element at `position` of the `total` below the page. */
export function childAtPosition(page: View, position: number, total: number): number {
  if (!isKeyed(page)) return childHolding(page, position);
  // Looked for where it is if all children are alike.
  let low = 0;
  let high = slotCount(page) - 1;
  let guess = Math.floor((position / total) * (high + 1));
  let step = FIRST_POSITION_STEP;
  while (low < high) {
    const middle = guess < low || guess >= high ? (low + high) >>> 1 : guess;
    const isBefore = storedCount(page, middle) <= position;
    if (isBefore) low = middle + 1;
    else high = middle;
    if (guess >= 0) {
      guess = step > LAST_STEP ? -1 : isBefore ? middle + step : middle - step;
      step *= 2;
    }
  }
  return low;
}

/** The same for pages that are not keyed: counted down to it. */
export function childHolding(page: View, position: number): number {
  const { buf, end } = page;
  let rest = position;
  let index = 0;
  for (let at = end - INNER_SLOT_BYTES; ; at -= INNER_SLOT_BYTES) {
    rest -= readU48(buf, at + 4);
    if (rest < 0) return index;
    index++;
  }
}

/** Adds `delta` to the counts in the slots of a keyed page from `index` on. */
function addToCounts(page: View, index: number, delta: number): void {
  const { buf, end } = page;
  const last = end - KEYED_INNER_SLOT_BYTES * slotCount(page);
  for (let at = end - KEYED_INNER_SLOT_BYTES * (index + 1); at >= last; at -= KEYED_INNER_SLOT_BYTES) {
    const low = (((buf[at + 7] as number) << 16) | ((buf[at + 8] as number) << 8) | (buf[at + 9] as number)) + delta;
    if (low >= 0 && low <= 0xffffff) {
      buf[at + 7] = low >>> 16;
      buf[at + 8] = low >>> 8;
      buf[at + 9] = low;
    } else writeU48(buf, at + 4, readU48(buf, at + 4) + delta);
  }
}

/** Content bytes of the leaves below child `index`. */
export function childSize(page: View, index: number): number {
  return readU48(page.buf, innerSlotAt(page, index) + 10);
}

export function setChild(page: View, index: number, child: number): void {
  writeU32(page.buf, innerSlotAt(page, index), child);
}

/** Sets how many elements lie below child `index`. */
export function setChildCount(page: View, index: number, count: number): void {
  assert(count > 0, "a child of an inner page holds elements");
  if (isKeyed(page)) {
    const delta = count - childCount(page, index);
    if (delta !== 0) addToCounts(page, index, delta);
  } else writeU48(page.buf, innerSlotAt(page, index) + 4, count);
}

/** Sets the content bytes of the leaves below child `index`. */
export function setChildSize(page: View, index: number, sizeBytes: number): void {
  assert(sizeBytes > 0, "a child of an inner page holds bytes");
  writeU48(page.buf, innerSlotAt(page, index) + 10, sizeBytes);
}

/** Points `out` at the separator of child `index` of a keyed inner page. */
export function viewSeparator(page: View, index: number, out: View): void {
  const at = page.start + readU32(page.buf, innerSlotAt(page, index) + 16);
  const length = readVarint(page.buf, at);
  out.buf = page.buf;
  out.start = at + varintSize(length);
  out.end = out.start + length;
}

/** Index of the child of a keyed inner page that the key of `search` belongs to; gives `search` the bounds below it. */
export function findChild(page: View, search: KeySearch): number {
  const { buf, end } = page;
  const { prefix } = search;
  const count = slotCount(page);
  let low = 1;
  let high = count;
  let guess = search.guessAmong(count);
  let step = FIRST_STEP;
  while (low < high) {
    const middle = guess < low || guess >= high ? (low + high) >>> 1 : guess;
    const other = readU32(buf, end - KEYED_INNER_SLOT_BYTES * (middle + 1) + PREFIX_OFFSET);
    const isAtOrBelow = other === prefix ? compareSeparatorAt(page, middle, search) <= 0 : other < prefix;
    if (isAtOrBelow) low = middle + 1;
    else high = middle;
    if (guess >= 0) {
      guess = step > LAST_STEP ? -1 : isAtOrBelow ? middle + step : middle - step;
      step *= 4;
    }
  }
  if (low > 1) search.low = readU32(buf, end - KEYED_INNER_SLOT_BYTES * low + PREFIX_OFFSET);
  if (low < count) search.high = readU32(buf, end - KEYED_INNER_SLOT_BYTES * (low + 1) + PREFIX_OFFSET);
  return low - 1;
}

/** Orders the separator of child `index` against the key of `search`. */
function compareSeparatorAt(page: View, index: number, search: KeySearch): number {
  const at = page.start + readU32(page.buf, innerSlotAt(page, index) + 16);
  const length = readVarint(page.buf, at);
  const from = at + varintSize(length);
  return compareRanges(page.buf, from, from + length, search.buf, search.start, search.end);
}

/** What an inner entry adds to a page's content. */
export function entryContentBytes(kind: TreeKind, separatorLength: number): number {
  return kind === KEYED ? KEYED_INNER_SLOT_BYTES + varintSize(separatorLength) + separatorLength : INNER_SLOT_BYTES;
}

/** Opens a place for a child, with empty totals, at `index` of an editable inner page that has room. `separator`: keyed ones only. */
export function insertEntry(page: View, index: number, separator: View): void {
  const kind = kindOf(page);
  const at = heapEnd(page);
  if (kind === KEYED) {
    const bytesAt = writeVarint(page.buf, page.start + at, separator.end - separator.start);
    setHeapEnd(page, copyRange(separator.buf, separator.start, separator.end, page.buf, bytesAt) - page.start);
  }
  openSlot(page, index, kind === KEYED ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES);
  const slot = innerSlotAt(page, index);
  writeU48(page.buf, slot + 4, kind === KEYED ? countBefore(page, index) : 0);
  writeU48(page.buf, slot + 10, 0);
  if (kind !== KEYED) return;
  writeU32(page.buf, slot + 16, at);
  writeU32(page.buf, slot + PREFIX_OFFSET, prefixOf(separator.buf, separator.start, separator.end));
}

/** Takes `count` children from `index` on out of an editable inner page; the new first child's separator becomes empty. */
export function removeEntries(page: View, index: number, count: number): void {
  if (!isKeyed(page)) {
    closeSlots(page, index, count);
    return;
  }
  addToCounts(page, index + count, countBefore(page, index) - storedCount(page, index + count - 1));
  for (let i = index; i < index + count; i++) addGarbage(page, separatorBytes(page, i));
  closeSlots(page, index, count);
  if (index === 0 && slotCount(page) > 0) {
    // An empty separator of its own, in the room of the slots that went: the heap's bytes stay as they are.
    const slot = innerSlotAt(page, 0);
    const at = heapEnd(page);
    addGarbage(page, separatorBytes(page, 0));
    page.buf[page.start + at] = 0;
    setHeapEnd(page, at + 1);
    writeU32(page.buf, slot + 16, at);
    writeU32(page.buf, slot + PREFIX_OFFSET, 0);
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
  const hasSeparators = isKeyed(page);
  for (let i = range.from; i < range.to; i++) {
    if (hasSeparators && i > range.from) viewSeparator(source, i, separator);
    const index = slotCount(page);
    insertEntry(page, index, i === range.from ? range.firstSeparator : separator);
    setChild(page, index, childPage(source, i));
    setChildCount(page, index, childCount(source, i));
    setChildSize(page, index, childSize(source, i));
  }
}

/** Content bytes of children [from, to). */
export function entriesContentBytes(page: View, from: number, to: number): number {
  if (!isKeyed(page)) return INNER_SLOT_BYTES * (to - from);
  let total = KEYED_INNER_SLOT_BYTES * (to - from);
  for (let i = from; i < to; i++) total += separatorBytes(page, i);
  return total;
}
