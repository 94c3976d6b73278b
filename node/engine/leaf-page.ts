/**
 * Leaves with elements (kinds keyed and list; layout in page.ts): found, read and changed in place.
 * "Editable" is a page whose buffer the transaction gave by `editPage` or that is about to be written whole.
 */

import { compareRanges, copyRange, readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import { readVarint, varintSize, writeVarint } from "../base/varint.ts";
import { FIRST_STEP, type KeySearch, LAST_STEP, prefixOf } from "./key-search.ts";
import {
  addGarbage,
  closeSlots,
  heapEnd,
  KEYED,
  KEYED_LEAF_SLOT_BYTES,
  kindOf,
  LIST,
  leafSlotBytes,
  openSlot,
  setHeapEnd,
  setSlotCount,
  slotCount,
  type TreeKind,
} from "./page.ts";
import type { View } from "./transaction.ts";

const EMPTY = Buffer.alloc(0);

/** An element to insert: a key (empty in lists) and a value, wherever they lie. */
export class NewElement {
  keyBuf: Buffer = EMPTY;
  keyStart = 0;
  keyEnd = 0;
  valueBuf: Buffer = EMPTY;
  valueStart = 0;
  valueEnd = 0;

  setKey(buf: Buffer, start: number, end: number): void {
    this.keyBuf = buf;
    this.keyStart = start;
    this.keyEnd = end;
  }

  setValue(buf: Buffer, start: number, end: number): void {
    this.valueBuf = buf;
    this.valueStart = start;
    this.valueEnd = end;
  }

  /** Bytes in the heap of a leaf. */
  heapBytes(kind: TreeKind): number {
    const value = this.valueEnd - this.valueStart;
    if (kind === LIST) return varintSize(value) + value;
    const key = this.keyEnd - this.keyStart;
    return varintSize(key) + varintSize(value) + key + value;
  }

  /** Writes it as it lies in the heap; returns the position behind it. */
  write(kind: TreeKind, buf: Buffer, at: number): number {
    let next = at;
    if (kind === KEYED) next = writeVarint(buf, next, this.keyEnd - this.keyStart);
    next = writeVarint(buf, next, this.valueEnd - this.valueStart);
    if (kind === KEYED) next = copyRange(this.keyBuf, this.keyStart, this.keyEnd, buf, next);
    return copyRange(this.valueBuf, this.valueStart, this.valueEnd, buf, next);
  }
}

/** Where element `index` lies in `page.buf`. */
export function elementAt(page: View, index: number): number {
  return page.start + readU16(page.buf, page.end - slotBytesOf(page) * (index + 1));
}

function slotBytesOf(page: View): number {
  return leafSlotBytes(page.buf[page.start] as TreeKind);
}

/** Bytes that the element at `at` takes in the heap. */
export function elementBytes(page: View, at: number): number {
  const first = readVarint(page.buf, at);
  const firstSize = varintSize(first);
  if (kindOf(page) === LIST) return firstSize + first;
  const second = readVarint(page.buf, at + firstSize);
  return firstSize + varintSize(second) + first + second;
}

/** Points `out` at the key of the keyed element at `at`. */
export function viewKey(page: View, at: number, out: View): void {
  const keyLength = readVarint(page.buf, at);
  const valueAt = at + varintSize(keyLength);
  out.buf = page.buf;
  out.start = valueAt + varintSize(readVarint(page.buf, valueAt));
  out.end = out.start + keyLength;
}

/** Points `out` at the value of the element at `at`. */
export function viewValue(page: View, at: number, out: View): void {
  const first = readVarint(page.buf, at);
  const next = at + varintSize(first);
  out.buf = page.buf;
  if (kindOf(page) === LIST) {
    out.start = next;
    out.end = next + first;
    return;
  }
  const valueLength = readVarint(page.buf, next);
  out.start = next + varintSize(valueLength) + first;
  out.end = out.start + valueLength;
}

/** Index of the first element of a keyed leaf whose key is not below the key of `search`; the count where none is. */
export function findElement(page: View, search: KeySearch): number {
  const { buf, end } = page;
  const { prefix } = search;
  let low = 0;
  let high = slotCount(page);
  let guess = search.guessAmong(high);
  let step = FIRST_STEP;
  while (low < high) {
    const middle = guess < low || guess >= high ? (low + high) >>> 1 : guess;
    const slot = end - KEYED_LEAF_SLOT_BYTES * (middle + 1);
    const other = readU32(buf, slot + 2);
    const isBelow =
      other === prefix
        ? compareKeyAt(page, page.start + readU16(buf, slot), search.buf, search.start, search.end) < 0
        : other < prefix;
    if (isBelow) low = middle + 1;
    else high = middle;
    if (guess >= 0) {
      guess = step > LAST_STEP ? -1 : isBelow ? middle + step : middle - step;
      step *= 4;
    }
  }
  return low;
}

/** Whether the key of element `index`, which may be the count, is that of `search`. */
export function isKeyAt(page: View, index: number, search: KeySearch): boolean {
  if (index === slotCount(page)) return false;
  return compareKeyAt(page, elementAt(page, index), search.buf, search.start, search.end) === 0;
}

/** How far before the end of a keyed leaf of `count` elements a search will look first. */
export function placeBeforeEnd(search: KeySearch, count: number): number {
  return KEYED_LEAF_SLOT_BYTES * (search.guessAmong(count) + 1);
}

/** Orders the key of the element at `at` against `buf[start, end)`. */
function compareKeyAt(page: View, at: number, buf: Buffer, start: number, end: number): number {
  const keyLength = readVarint(page.buf, at);
  const valueAt = at + varintSize(keyLength);
  const keyAt = valueAt + varintSize(readVarint(page.buf, valueAt));
  return compareRanges(page.buf, keyAt, keyAt + keyLength, buf, start, end);
}

/** Puts an element at `index` of an editable leaf that has room for it. */
export function insertElement(page: View, index: number, element: NewElement): void {
  const at = heapEnd(page);
  const kind = kindOf(page);
  const slotBytes = leafSlotBytes(kind);
  setHeapEnd(page, element.write(kind, page.buf, page.start + at) - page.start);
  openSlot(page, index, slotBytes);
  const slot = page.end - slotBytes * (index + 1);
  writeU16(page.buf, slot, at);
  if (kind === KEYED) writeU32(page.buf, slot + 2, prefixOf(element.keyBuf, element.keyStart, element.keyEnd));
}

/** Takes `count` elements from `index` on out of an editable leaf. */
export function removeElements(page: View, index: number, count: number): void {
  let freed = 0;
  for (let i = index; i < index + count; i++) freed += elementBytes(page, elementAt(page, i));
  closeSlots(page, index, count);
  addGarbage(page, freed);
}

/** Writes `element` over element `index` where it takes at most as many bytes. False, and nothing done, otherwise. */
export function overwriteElement(page: View, index: number, element: NewElement): boolean {
  const at = elementAt(page, index);
  const oldBytes = elementBytes(page, at);
  const newBytes = element.heapBytes(kindOf(page));
  if (newBytes > oldBytes) return false;
  element.write(kindOf(page), page.buf, at);
  if (newBytes < oldBytes) addGarbage(page, oldBytes - newBytes);
  return true;
}

/** Adds elements [from, to) of another leaf behind those of an editable one that has room. */
export function appendElements(page: View, source: View, from: number, to: number): void {
  const slotBytes = slotBytesOf(page);
  let at = heapEnd(page);
  let slot = page.end - slotBytes * slotCount(page);
  for (let i = from; i < to; i++) {
    const elementStart = elementAt(source, i);
    const size = elementBytes(source, elementStart);
    slot -= slotBytes;
    writeU16(page.buf, slot, at);
    if (slotBytes === KEYED_LEAF_SLOT_BYTES) {
      writeU32(page.buf, slot + 2, readU32(source.buf, source.end - slotBytes * (i + 1) + 2));
    }
    at = copyRange(source.buf, elementStart, elementStart + size, page.buf, page.start + at) - page.start;
  }
  setSlotCount(page, slotCount(page) + to - from);
  setHeapEnd(page, at);
}

/** Content bytes of elements [from, to). */
export function elementsContentBytes(page: View, from: number, to: number): number {
  let total = slotBytesOf(page) * (to - from);
  for (let i = from; i < to; i++) total += elementBytes(page, elementAt(page, i));
  return total;
}

/** What an element of `heapBytes` adds to the content of a leaf of that kind. */
export function elementContentBytes(kind: TreeKind, heapBytes: number): number {
  return heapBytes + leafSlotBytes(kind);
}
