/**
 * One key's record as the datatypes see it: found, checked, rewritten and deleted through the Transaction port.
 * The layout of the header and the places of tree descriptors are those of docs/formats/keys.md.
 *
 * Invariants
 * 1. A record whose expiry is at or before `tx.nowMs` is absent, but what it stored is known here, so that a write
 *    over it or its deletion gives its trees to the collector.
 * 2. An object serves one lookup at a time and is meant to be kept and reused; a command that needs several keys at
 *    once has several. The payload is valid until the transaction ends or the record is written, and then the new one.
 * 3. Between lookups an object may keep a small buffer alive, never one of a huge command.
 * 4. Nothing that was handed to the transaction is changed later: heads are constants or fresh.
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { readU48 } from "../base/bytes.ts";
import {
  isRecordTree,
  MAX_RECORD_HEADER_BYTES,
  type RecordType,
  recordExpireAtMs,
  recordPayloadStart,
  recordType,
  writeRecordHeader,
} from "../engine/record-format.ts";
import { type Transaction, View } from "../engine/transaction.ts";
import { DESCRIPTOR_BYTES } from "../engine/tree-pages.ts";
import { Scratch } from "./scratch.ts";

/** Added to a type in `write`: the payload is one tree descriptor (two in a sorted set), not the value itself. */
export const TREE_FORM = 0x20;
const TYPE_MASK = 0x0f;

/** The heads without an expiry, by type and form. */
const PLAIN_HEADS = Array.from({ length: 0x30 }, (_, kind) => Buffer.from([kind]));

const scratch = new Scratch();
/** An input buffer that is larger is not kept alive by a record that waits for its next lookup: its bytes are copied. */
const MAX_KEPT_BYTES = 1024 * 1024;
const NO_BYTES = Buffer.alloc(0);

export class LiveRecord {
  /** The key looked up last, for the transaction: `key.buf[key.start, key.end)`. */
  readonly key: { buf: Buffer; start: number; end: number } = { buf: NO_BYTES, start: 0, end: 0 };
  readonly #view = new View();
  #isStored = false;
  #hasTrees = false;

  /** Whether the key holds a value that is not expired. */
  exists = false;
  /** The type of the live value; 0 when there is none. */
  type: RecordType | 0 = 0;
  /** Whether the live value is in tree form. */
  isTree = false;
  /** When the live value expires, 0 for never. What `write` stores: change it before to change the expiry. */
  expireAtMs = 0;
  /** The payload lies in `buf[payloadStart, payloadEnd)`. */
  payloadStart = 0;
  payloadEnd = 0;

  /** The buffer of the payload: not to be changed, not to be kept. */
  get buf(): Buffer {
    return this.#view.buf;
  }

  /** Type and form of the live value, as `write` takes them. */
  get kind(): number {
    return this.isTree ? this.type | TREE_FORM : this.type;
  }

  get payloadSize(): number {
    return this.payloadEnd - this.payloadStart;
  }

  /** Looks up the key `buf[start, end)`; answers `exists`. The key's bytes must stay until the transaction ends. */
  find(tx: Transaction, buf: Buffer, start: number, end: number): boolean {
    const key = this.key;
    const isLarge = buf.length > MAX_KEPT_BYTES;
    key.buf = isLarge ? Buffer.from(buf.subarray(start, end)) : buf;
    key.start = isLarge ? 0 : start;
    key.end = isLarge ? end - start : end;
    this.#isStored = tx.readRecord(key.buf, key.start, key.end, this.#view);
    return this.#read(tx);
  }

  /** Looks up the key that is argument `index`. */
  findArgument(tx: Transaction, argv: Argv, index: number): boolean {
    return this.find(tx, argv.buf, argv.start(index), argv.end(index));
  }

  /** Takes a record that a scan visits: its value is `view`, its key is not known and it cannot be written. */
  read(tx: Transaction, view: View): boolean {
    this.#view.buf = view.buf;
    this.#view.start = view.start;
    this.#view.end = view.end;
    this.#isStored = true;
    return this.#read(tx);
  }

  #read(tx: Transaction): boolean {
    this.exists = false;
    this.type = 0;
    this.isTree = false;
    this.expireAtMs = 0;
    this.#hasTrees = false;
    if (!this.#isStored) {
      this.payloadStart = this.payloadEnd = 0;
      return false;
    }
    const view = this.#view;
    this.payloadStart = recordPayloadStart(view.buf, view.start);
    this.payloadEnd = view.end;
    this.#hasTrees = isRecordTree(view.buf, view.start);
    const expireAtMs = recordExpireAtMs(view.buf, view.start);
    if (expireAtMs !== 0 && expireAtMs <= tx.nowMs) return false;
    this.expireAtMs = expireAtMs;
    this.exists = true;
    this.type = recordType(view.buf, view.start);
    this.isTree = this.#hasTrees;
    return true;
  }

  /**
   * Writes the value: payload `body[start, end)` of `kind` (a type, with TREE_FORM for descriptors), with the expiry
   * that `expireAtMs` says. Trees of a live value stay: they are the caller's to go on with or to discard first;
   * trees of an expired one are discarded. The bytes must stay unchanged until the transaction ends.
   */
  write(tx: Transaction, kind: number, body: Buffer, start: number, end: number): void {
    if (!this.exists) this.discardTrees(tx);
    const head = this.expireAtMs === 0 ? (PLAIN_HEADS[kind] as Buffer) : makeExpiringHead(kind, this.expireAtMs);
    if (body.length > MAX_KEPT_BYTES) {
      this.write(tx, kind, Buffer.from(body.subarray(start, end)), 0, end - start);
      return;
    }
    tx.writeRecord(this.key, head, body, start, end);
    this.exists = true;
    this.#isStored = true;
    this.type = (kind & TYPE_MASK) as RecordType;
    this.isTree = (kind & TREE_FORM) !== 0;
    this.#hasTrees = this.isTree;
    this.#view.buf = body;
    this.payloadStart = start;
    this.payloadEnd = end;
  }

  /** Writes a new value in place of whatever the key held: its trees are discarded, see `write`. */
  replace(tx: Transaction, kind: number, body: Buffer, start: number, end: number): void {
    this.discardTrees(tx);
    this.write(tx, kind, body, start, end);
  }

  /** Writes the value again with another expiry (0 for none); its payload and trees stay. The record must exist. */
  writeExpiry(tx: Transaction, expireAtMs: number): void {
    assert(this.exists, "a record that gets an expiry exists");
    this.expireAtMs = expireAtMs;
    // A View is void once its record is written, so the payload moves to bytes of its own.
    const start = scratch.take(this.payloadSize);
    this.buf.copy(scratch.buf, start, this.payloadStart, this.payloadEnd);
    this.write(tx, this.kind, scratch.buf, start, start + this.payloadSize);
  }

  /** Removes the record, live or expired, and gives its trees to the collector. */
  delete(tx: Transaction): void {
    if (!this.#isStored) return;
    this.discardTrees(tx);
    tx.deleteRecord(this.key.buf, this.key.start, this.key.end);
    this.#forget();
  }

  /** Removes the record but not its trees: they have got another record (RENAME). */
  deleteKeepingTrees(tx: Transaction): void {
    if (!this.#isStored) return;
    tx.deleteRecord(this.key.buf, this.key.start, this.key.end);
    this.#forget();
  }

  /** Gives the trees of what is stored, live or expired, to the collector. Does nothing the second time. */
  discardTrees(tx: Transaction): void {
    if (!this.#hasTrees) return;
    this.#hasTrees = false;
    for (let at = this.payloadStart; at + DESCRIPTOR_BYTES <= this.payloadEnd; at += DESCRIPTOR_BYTES) {
      tx.discardTree(readU48(this.buf, at));
    }
  }

  /** As after a lookup that found nothing. */
  #forget(): void {
    this.#isStored = false;
    this.#hasTrees = false;
    this.exists = false;
    this.type = 0;
    this.isTree = false;
    this.expireAtMs = 0;
    this.payloadStart = this.payloadEnd = 0;
  }
}

function makeExpiringHead(kind: number, expireAtMs: number): Buffer {
  const head = Buffer.allocUnsafe(MAX_RECORD_HEADER_BYTES);
  const type = (kind & TYPE_MASK) as RecordType;
  writeRecordHeader(head, 0, { type, isTree: (kind & TREE_FORM) !== 0, expireAtMs });
  return head;
}
