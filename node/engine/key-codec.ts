/**
 * The keys of the database: this file alone makes and takes them apart. Source: docs/formats/keys.md.
 *
 * Grammar: generation u64, kind u8, rest; all integers big-endian. Generation 0 holds the node's own records.
 * Example: generation 7, user key `a`, hash 0x9d3c01f2 → 00 00 00 00 00 00 00 07 01 9d 3c 01 f2 61.
 * Refuses (by assertion) ids out of the range of their field.
 */

import { assert } from "../base/assert.ts";
import { readU32, readU64, writeU32, writeU64 } from "../base/u64.ts";
import type { StoreRange } from "./store.ts";
import type { PageNumber, TreeId } from "./transaction.ts";

/** A generation: the local key prefix of one life of a replica's data; from 1, never reused on this node. */
export type Generation = number;

/** The kind byte within the generations of slots. */
const KIND_RECORD = 0x01;
export const KIND_PAGE = 0x02;
const KIND_EXPIRY = 0x03;
export const KIND_DROPPED_TREE = 0x04;

/** The kind byte within generation 0. */
const NODE_COUNTERS = 0x01;
const NODE_SLOT = 0x02;
const NODE_DROPPED_GENERATION = 0x03;
const NODE_INCOMING_GENERATION = 0x04;

const PREFIX_BYTES = 9;
/** Where the user key starts in the key of a record. */
export const RECORD_KEY_OFFSET = PREFIX_BYTES + 4;
/** Where the user key starts in the key of an expiry entry. */
export const EXPIRY_KEY_OFFSET = PREFIX_BYTES + 12;
const TREE_BYTES = 6;
const TWO_32 = 0x1_0000_0000;
const MAX_TREE_ID = 2 ** 48 - 1;

/** Longest user key in bytes; the router refuses longer ones before they come here. */
export const MAX_USER_KEY_BYTES = 65_535;

function newKey(generation: Generation, kind: number, restBytes: number): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + restBytes);
  writeU64(key, 0, generation);
  key[8] = kind;
  return key;
}

/** The record that holds the node's counters. */
export function countersKey(): Buffer {
  return newKey(0, NODE_COUNTERS, 0);
}

export function slotKey(table: number, slot: number): Buffer {
  const key = newKey(0, NODE_SLOT, 6);
  writeU32(key, PREFIX_BYTES, table);
  key.writeUInt16BE(slot, PREFIX_BYTES + 4);
  return key;
}

/** The table and slot that a slot record's key names. */
export function parseSlotKey(key: Buffer): { readonly table: number; readonly slot: number } {
  assert(key.length === PREFIX_BYTES + 6 && key[8] === NODE_SLOT, "a slot record's key has 15 bytes");
  return { table: readU32(key, PREFIX_BYTES), slot: key.readUInt16BE(PREFIX_BYTES + 4) };
}

/** All slot records of the node. */
export function slotKeyRange(): StoreRange {
  return kindRange(0, NODE_SLOT);
}

/** Marks a generation whose keys the collector is to delete. */
export function droppedGenerationKey(generation: Generation): Buffer {
  const key = newKey(0, NODE_DROPPED_GENERATION, 8);
  writeU64(key, PREFIX_BYTES, generation);
  return key;
}

export function parseDroppedGenerationKey(key: Buffer): Generation {
  return readU64(key, PREFIX_BYTES);
}

export function droppedGenerationRange(): StoreRange {
  return kindRange(0, NODE_DROPPED_GENERATION);
}

/** Marks a generation that a snapshot is being written to. */
export function incomingGenerationKey(generation: Generation): Buffer {
  const key = newKey(0, NODE_INCOMING_GENERATION, 8);
  writeU64(key, PREFIX_BYTES, generation);
  return key;
}

/** All such marks; `parseDroppedGenerationKey` reads them too. */
export function incomingGenerationRange(): StoreRange {
  return kindRange(0, NODE_INCOMING_GENERATION);
}

/** The key of the record of user key `buf[start, end)` with that hash. */
export function recordKey(
  generation: Generation,
  hash: number,
  userKey: { readonly buf: Buffer; readonly start: number; readonly end: number },
): Buffer {
  const key = newKey(generation, KIND_RECORD, 4 + userKey.end - userKey.start);
  writeU32(key, PREFIX_BYTES, hash);
  userKey.buf.copy(key, RECORD_KEY_OFFSET, userKey.start, userKey.end);
  return key;
}

/** The hash in a record's key. */
export function recordKeyHash(key: Buffer): number {
  return readU32(key, PREFIX_BYTES);
}

/** All records of a generation whose hash is at least `fromHash`. */
export function recordRange(generation: Generation, fromHash: number, limit?: number): StoreRange {
  const gte = newKey(generation, KIND_RECORD, 4);
  writeU32(gte, PREFIX_BYTES, fromHash);
  const range = { gte, lt: newKey(generation, KIND_RECORD + 1, 0) };
  return limit === undefined ? range : { ...range, limit };
}

export function pageKey(generation: Generation, tree: TreeId, page: PageNumber): Buffer {
  const key = newKey(generation, KIND_PAGE, TREE_BYTES + 4);
  writeTreeId(key, tree);
  writeU32(key, PREFIX_BYTES + TREE_BYTES, page);
  return key;
}

/** The key of a page from tree id and page number as they lie in `buf[start, start + 10)`. */
export function rawPageKey(
  generation: Generation,
  numbers: { readonly buf: Buffer; readonly start: number; readonly end: number },
): Buffer {
  const key = newKey(generation, KIND_PAGE, TREE_BYTES + 4);
  numbers.buf.copy(key, PREFIX_BYTES, numbers.start, numbers.end);
  return key;
}

/** All pages of a tree. */
export function treeRange(generation: Generation, tree: TreeId, limit?: number): StoreRange {
  const gte = newKey(generation, KIND_PAGE, TREE_BYTES);
  writeTreeId(gte, tree);
  const lt = newKey(generation, KIND_PAGE, TREE_BYTES + 5);
  writeTreeId(lt, tree);
  lt.fill(0xff, PREFIX_BYTES + TREE_BYTES);
  return limit === undefined ? { gte, lt } : { gte, lt, limit };
}

/** The expiry entry of a record: visited by the expirer from `expireAtMs` on. */
export function expiryKey(
  generation: Generation,
  due: { readonly expireAtMs: number; readonly hash: number },
  userKey: { readonly buf: Buffer; readonly start: number; readonly end: number },
): Buffer {
  const key = newKey(generation, KIND_EXPIRY, 12 + userKey.end - userKey.start);
  writeU64(key, PREFIX_BYTES, due.expireAtMs);
  writeU32(key, PREFIX_BYTES + 8, due.hash);
  userKey.buf.copy(key, EXPIRY_KEY_OFFSET, userKey.start, userKey.end);
  return key;
}

/** When an expiry entry is due: milliseconds since 1970. */
export function expiryKeyTime(key: Buffer): number {
  return readU64(key, PREFIX_BYTES);
}

/** The expiry entries of a generation, the earliest first, from `gte` on where it is given. */
export function expiryRange(generation: Generation, limit: number, gte?: Buffer): StoreRange {
  const range = kindRange(generation, KIND_EXPIRY);
  return { gte: gte ?? range.gte, lt: range.lt, limit };
}

/** Marks a tree whose pages the collector is to delete. */
export function droppedTreeKey(generation: Generation, tree: TreeId): Buffer {
  const key = newKey(generation, KIND_DROPPED_TREE, TREE_BYTES);
  writeTreeId(key, tree);
  return key;
}

export function parseDroppedTreeKey(key: Buffer): TreeId {
  return key.readUInt16BE(PREFIX_BYTES) * TWO_32 + readU32(key, PREFIX_BYTES + 2);
}

export function droppedTreeRange(generation: Generation, limit: number): StoreRange {
  return { ...kindRange(generation, KIND_DROPPED_TREE), limit };
}

/** All keys of a generation. */
export function generationRange(generation: Generation, limit?: number): StoreRange {
  const range = { gte: newKey(generation, 0, 0), lt: newKey(generation + 1, 0, 0) };
  return limit === undefined ? range : { ...range, limit };
}

function kindRange(generation: Generation, kind: number): StoreRange {
  return { gte: newKey(generation, kind, 0), lt: newKey(generation, kind + 1, 0) };
}

function writeTreeId(key: Buffer, tree: TreeId): void {
  assert(tree > 0 && tree <= MAX_TREE_ID, "a tree id is a u48 from 1");
  const high = Math.floor(tree / TWO_32);
  key.writeUInt16BE(high, PREFIX_BYTES);
  writeU32(key, PREFIX_BYTES + 2, tree - high * TWO_32);
}
