/**
 * Checks what is stored of hashes, sets and sorted sets against docs/formats/keys.md, straight from the bytes:
 * sizes and order of inline forms, both trees of a sorted set, and that no pages are left without a record.
 */

import { expect } from "vitest";
import { hash32 } from "../../node/base/hash.ts";
import { readVarint, varintSize } from "../../node/base/varint.ts";
import { KeyedTree } from "../../node/engine/keyed-tree.ts";
import {
  isRecordTree,
  RECORD_HASH,
  RECORD_SET,
  RECORD_ZSET,
  recordPayloadStart,
  recordType,
} from "../../node/engine/record-format.ts";
import { TreeCursor } from "../../node/engine/tree-cursor.ts";
import { DESCRIPTOR_BYTES } from "../../node/engine/tree-pages.ts";
import type { MapTransaction } from "./map-transaction.ts";
import { checkTree } from "./tree-invariants.ts";

const INLINE_LIMIT_BYTES = 2048;
const SCORE_BYTES = 8;
const HASH_BYTES = 4;

/** Checks all records in the committed state of `tx`, a transaction where nothing misses. */
export function checkCollections(tx: MapTransaction): void {
  const trees = new Set<number>();
  for (const value of tx.records.values()) {
    const type = recordType(value, 0);
    const payload = value.subarray(recordPayloadStart(value, 0));
    if (isRecordTree(value, 0)) {
      for (const id of checkTreeForm(tx, type, payload)) trees.add(id);
    } else checkInlineForm(tx, type, payload);
  }
  const withPages = new Set([...tx.pages.keys()].map((name) => Number(name.split(":")[0])));
  expect([...withPages].filter((id) => !trees.has(id))).toEqual([]);
}

function checkInlineForm(tx: MapTransaction, type: number, payload: Buffer): void {
  if (type !== RECORD_HASH && type !== RECORD_SET && type !== RECORD_ZSET) return;
  expect(payload.length).toBeLessThanOrEqual(INLINE_LIMIT_BYTES);
  const names: Buffer[] = [];
  const keys: Buffer[] = [];
  let at = varintSize(readVarint(payload, 0));
  const take = (): Buffer => {
    const size = readVarint(payload, at);
    const start = at + varintSize(size);
    at = start + size;
    return payload.subarray(start, at);
  };
  while (at < payload.length) {
    const score = payload.subarray(at, at + (type === RECORD_ZSET ? SCORE_BYTES : 0));
    at += score.length;
    const name = take();
    if (type === RECORD_HASH) take();
    names.push(name);
    keys.push(Buffer.concat([type === RECORD_SET ? hashOf(tx, name) : score, name]));
  }
  expect(at).toBe(payload.length);
  expect(names.length).toBe(readVarint(payload, 0));
  expect(names.length).toBeGreaterThan(0);
  expect(new Set(names.map((name) => name.toString("latin1"))).size).toBe(names.length);
  if (type !== RECORD_HASH) expect(keys).toEqual(keys.toSorted(Buffer.compare));
}

/** Answers the ids of the trees. */
function checkTreeForm(tx: MapTransaction, type: number, payload: Buffer): number[] {
  if (type === RECORD_HASH || type === RECORD_SET) {
    const { id, entries } = readTree(tx, payload, 0);
    for (const { key } of entries) expectHashed(tx, key);
    return [id];
  }
  if (type !== RECORD_ZSET) return [];
  const members = readTree(tx, payload, 0);
  const scores = readTree(tx, payload, DESCRIPTOR_BYTES);
  for (const { key } of members.entries) expectHashed(tx, key);
  const byScore = members.entries.map(({ key, value }) => Buffer.concat([value, key.subarray(HASH_BYTES)]));
  expect(scores.entries.map(({ key }) => key)).toEqual(byScore.toSorted(Buffer.compare));
  return [members.id, scores.id];
}

interface StoredEntries {
  readonly id: number;
  readonly entries: readonly { readonly key: Buffer; readonly value: Buffer }[];
}

function readTree(tx: MapTransaction, payload: Buffer, at: number): StoredEntries {
  const tree = new KeyedTree();
  const cursor = new TreeCursor();
  tree.open(tx, payload, at);
  expect(tree.count).toBeGreaterThan(0);
  checkTree(tx, tree);
  const entries: { key: Buffer; value: Buffer }[] = [];
  for (let isThere = cursor.seekRank(tree, 0); isThere; isThere = cursor.next()) {
    const { key, value } = cursor;
    entries.push({
      key: Buffer.from(key.buf.subarray(key.start, key.end)),
      value: Buffer.from(value.buf.subarray(value.start, value.end)),
    });
  }
  return { id: tree.id, entries };
}

function expectHashed(tx: MapTransaction, key: Buffer): void {
  expect(key.subarray(0, HASH_BYTES)).toEqual(hashOf(tx, key.subarray(HASH_BYTES)));
}

function hashOf(tx: MapTransaction, name: Buffer): Buffer {
  const bytes = Buffer.alloc(HASH_BYTES);
  bytes.writeUInt32BE(hash32(tx.hashKey, name, 0, name.length));
  return bytes;
}
