/**
 * The layout of a tree's pages: how elements and children lie in about 4 KiB of bytes, and how they are found and
 * changed in place. Pages know nothing of trees; page-tree.ts decides what goes where. leaf-page.ts and
 * inner-page.ts work on the two kinds of pages.
 *
 *   page    = header heap slack slots
 *   header  = kind u8 (low nibble: 1 keyed, 2 list, 3 bytes; 0x10 inner page), 0 u8, count u16,
 *             heap end u32, garbage u32 (bytes of the heap that no slot refers to)
 *   slots   = from the page's end downwards, slot i at `end - width * (i + 1)`, in the order of the elements
 *   leaf, keyed   slot: offset u16, prefix u32    heap: key length varint, value length varint, key, value
 *   leaf, list    slot: offset u16                heap: length varint, bytes
 *   leaf, bytes   no slots; count 0               heap: the bytes of the chunk
 *   inner, keyed  slot: child page u32, through u48, size u48, offset u32, prefix u32    heap: length varint, separator
 *   inner, others slot: child page u32, count u48, size u48                no heap
 *
 * Invariants
 * - A prefix is the first four bytes of the key or separator, with zeros behind a shorter one: a search looks at the slots,
 *   which lie together, and at an element or separator only where its prefix is that of the key. These lie anywhere, and
 *   each one looked at in a large collection is a wait for memory.
 * - Keys of a keyed leaf ascend by their bytes. A separator is a key with: all keys left of it are smaller, all keys
 *   in its child and to the right are not. The first child of an inner page has the empty one.
 * - count: the elements (bytes, for kind 3) below the child. through: those below the page's children up to this one, it
 *   included. Ranks and random elements of keyed trees are asked for, and adding up reads the whole page; lists are
 *   mostly changed at their ends, where a running count would change in all slots. size: the *content* of the
 *   leaves below it, which is heap without garbage, plus slots.
 * - A leaf of more than LEAF_MAX_BYTES has one element (offset 12). An inner page has at least one child.
 * - The page's length is its capacity, which follows its content in steps; slack has no meaning.
 * All integers are big-endian.
 *
 * Example: a keyed leaf of 32 bytes with a → 1 and b → nothing
 *   01 00 0002 00000013 00000000   01 01 61 31   01 00 62   00   0010 62000000 000c 61000000
 */

import { assert } from "../base/assert.ts";
import { readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import type { View } from "./transaction.ts";

export const KEYED = 1;
export const LIST = 2;
export const BYTES = 3;
export type TreeKind = typeof KEYED | typeof LIST | typeof BYTES;

export const INNER_FLAG = 0x10;
export const HEADER_BYTES = 12;
export const KEYED_LEAF_SLOT_BYTES = 6;
const LIST_LEAF_SLOT_BYTES = 2;
export const KEYED_INNER_SLOT_BYTES = 24;
export const INNER_SLOT_BYTES = 16;

/** A leaf with more than one element is split rather than made longer than this. */
export const LEAF_MAX_BYTES = 4096;
/**
 * An inner page is split above this, and only with more than INNER_MIN_CHILDREN children. Smaller than leaves: an
 * update edits one inner page a level and a rank is found by adding up counts, both of which cost by its length.
 */
export const INNER_MAX_BYTES = 2048;
export const INNER_MIN_CHILDREN = 8;
/** The bytes of a chunk of kind 3. */
export const CHUNK_MAX_BYTES = LEAF_MAX_BYTES - HEADER_BYTES;
/** Buffers of pages grow in steps of this. */
const CAPACITY_STEP_BYTES = 512;

// ---- header

export function isInner(page: View): boolean {
  return ((page.buf[page.start] as number) & INNER_FLAG) !== 0;
}

export function kindOf(page: View): TreeKind {
  return ((page.buf[page.start] as number) & 0x0f) as TreeKind;
}

/** Number of slots: elements of a leaf, children of an inner page. */
export function slotCount(page: View): number {
  return readU16(page.buf, page.start + 2);
}

export function setSlotCount(page: View, count: number): void {
  writeU16(page.buf, page.start + 2, count);
}

/** End of the heap, from the page's start. */
export function heapEnd(page: View): number {
  return readU32(page.buf, page.start + 4);
}

export function setHeapEnd(page: View, end: number): void {
  writeU32(page.buf, page.start + 4, end);
}

export function garbageBytes(page: View): number {
  return readU32(page.buf, page.start + 8);
}

export function addGarbage(page: View, sizeBytes: number): void {
  writeU32(page.buf, page.start + 8, garbageBytes(page) + sizeBytes);
}

/** Bytes of a slot of a leaf with elements. */
export function leafSlotBytes(kind: TreeKind): number {
  return kind === KEYED ? KEYED_LEAF_SLOT_BYTES : LIST_LEAF_SLOT_BYTES;
}

function slotBytes(page: View): number {
  const first = page.buf[page.start] as number;
  if ((first & INNER_FLAG) !== 0) return first === (KEYED | INNER_FLAG) ? KEYED_INNER_SLOT_BYTES : INNER_SLOT_BYTES;
  return first === BYTES ? 0 : leafSlotBytes(first as TreeKind);
}

/** Heap without garbage, plus slots: what the page holds, whatever its buffer's length. */
export function contentBytes(page: View): number {
  return heapEnd(page) - HEADER_BYTES - garbageBytes(page) + slotBytes(page) * slotCount(page);
}

/** The length for a page's buffer that must hold `lengthBytes`. */
export function capacityFor(lengthBytes: number, maxBytes: number): number {
  const stepped = Math.ceil(lengthBytes / CAPACITY_STEP_BYTES) * CAPACITY_STEP_BYTES;
  return Math.max(lengthBytes, Math.min(stepped, maxBytes));
}

/** A new leaf without slots, of `capacity` bytes, in `page`. */
export function makeLeafPage(page: View, kind: TreeKind, capacity: number): void {
  makePage(page, kind, capacity);
}

/** A new inner page without slots, of `capacity` bytes, in `page`. */
export function makeInnerPage(page: View, kind: TreeKind, capacity: number): void {
  makePage(page, kind | INNER_FLAG, capacity);
}

function makePage(page: View, firstByte: number, capacity: number): void {
  const buf = Buffer.alloc(capacity);
  buf[0] = firstByte;
  page.buf = buf;
  page.start = 0;
  page.end = capacity;
  setHeapEnd(page, HEADER_BYTES);
}

// ---- slots and room

export function openSlot(page: View, index: number, width: number): void {
  const count = slotCount(page);
  assert(index <= count, "a slot is opened within the page's slots or behind them");
  const low = page.end - width * count;
  assert(low - width >= page.start + heapEnd(page), "a page that gets a slot has room for it");
  page.buf.copyWithin(low - width, low, page.end - width * index);
  setSlotCount(page, count + 1);
}

export function closeSlots(page: View, index: number, removed: number): void {
  const count = slotCount(page);
  const width = slotBytes(page);
  assert(index + removed <= count, "slots that are removed exist");
  const low = page.end - width * count;
  page.buf.copyWithin(low + width * removed, low, page.end - width * (index + removed));
  setSlotCount(page, count - removed);
}

/** Where the slots begin, from the page's start. */
export function slotsStart(page: View): number {
  return page.end - page.start - slotBytes(page) * slotCount(page);
}

/** Bytes between heap and slots. */
export function freeBytes(page: View): number {
  return slotsStart(page) - heapEnd(page);
}

/** Moves the slots of an editable page whose buffer grew from `oldLength` to the new end, and clears the slack. */
export function moveSlotsToEnd(page: View, oldLength: number): void {
  const slots = slotBytes(page) * slotCount(page);
  const from = page.start + oldLength - slots;
  page.buf.copyWithin(page.end - slots, from, from + slots);
  page.buf.fill(0, page.start + heapEnd(page), page.end - slots);
}
