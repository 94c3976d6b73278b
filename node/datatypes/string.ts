/**
 * String values: inline in the record while they are short, a tree of bytes beyond that (docs/formats/keys.md).
 * All functions take a record that was looked up; those that write keep the expiry that `record.expireAtMs` says.
 * Whether the record's type fits is the caller's to check; so are limits of length.
 */

import { assert } from "../base/assert.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import {
  createLongString,
  INLINE_STRING_MAX_BYTES,
  longStringSize,
  overwriteLongString,
  visitLongString,
} from "./long-string.ts";
import { type LiveRecord, TREE_FORM } from "./record.ts";
import { Scratch } from "./scratch.ts";

/** Redis's proto-max-bulk-len: no string is longer. */
export const MAX_STRING_BYTES = 512 * 1024 * 1024;

const LONG_STRING = RECORD_STRING | TREE_FORM;
const NO_BYTES = Buffer.alloc(0);
const scratch = new Scratch();

/** The length in bytes of the live string. */
export function stringSize(record: LiveRecord): number {
  return record.isTree ? longStringSize(record.buf, record.payloadStart) : record.payloadSize;
}

/** Makes the record the string `buf[start, end)`, whatever it held. The bytes must stay until the transaction ends. */
export function writeString(tx: Transaction, record: LiveRecord, buf: Buffer, start: number, end: number): void {
  if (end - start <= INLINE_STRING_MAX_BYTES) {
    record.replace(tx, RECORD_STRING, buf, start, end);
    return;
  }
  const descriptor = createLongString(tx, buf, start, end);
  record.replace(tx, LONG_STRING, descriptor, 0, descriptor.length);
}

/** Puts `buf[start, end)` at the end of the string; of an absent one it makes a string. */
export function appendToString(tx: Transaction, record: LiveRecord, buf: Buffer, start: number, end: number): void {
  if (!record.exists) {
    writeString(tx, record, buf, start, end);
    return;
  }
  overwriteString(tx, record, { offset: stringSize(record), buf, start, end });
}

/** Bytes and where in a string they go. */
export interface StringPatch {
  readonly offset: number;
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes the patch over the string (an absent one is empty), with zero bytes before it where it is too short.
 * Of a long string only that part is touched. Answers the new length.
 */
export function overwriteString(tx: Transaction, record: LiveRecord, patch: StringPatch): number {
  const before = record.exists ? stringSize(record) : 0;
  const size = Math.max(before, patch.offset + patch.end - patch.start);
  if (record.isTree || size > INLINE_STRING_MAX_BYTES) overwriteLong(tx, record, patch);
  else overwriteInline(tx, record, patch);
  return size;
}

function overwriteLong(tx: Transaction, record: LiveRecord, patch: StringPatch): void {
  let descriptor: Buffer;
  if (record.isTree) descriptor = overwriteLongString(tx, { buf: record.buf, at: record.payloadStart }, patch);
  else {
    const base = record.exists
      ? createLongString(tx, record.buf, record.payloadStart, record.payloadEnd)
      : createLongString(tx, NO_BYTES, 0, 0);
    descriptor = overwriteLongString(tx, { buf: base, at: 0 }, patch);
  }
  record.write(tx, LONG_STRING, descriptor, 0, descriptor.length);
}

function overwriteInline(tx: Transaction, record: LiveRecord, patch: StringPatch): void {
  const before = record.payloadSize;
  const size = Math.max(before, patch.offset + patch.end - patch.start);
  const start = scratch.take(size);
  const out = scratch.buf;
  record.buf.copy(out, start, record.payloadStart, record.payloadEnd);
  if (patch.offset > before) out.fill(0, start + before, start + patch.offset);
  patch.buf.copy(out, start + patch.offset, patch.start, patch.end);
  record.write(tx, RECORD_STRING, out, start, start + size);
}

/** A part [start, end) of the live string. */
export interface StringPart {
  readonly record: LiveRecord;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` with the bytes of a part, in order, in pieces that are valid until the string is changed. */
export function visitString(
  tx: Transaction,
  part: StringPart,
  visit: (buf: Buffer, start: number, end: number) => void,
): void {
  const { record, start, end } = part;
  if (record.isTree) {
    visitLongString(tx, { buf: record.buf, at: record.payloadStart, from: start, to: end }, visit);
    return;
  }
  assert(start >= 0 && start <= end && end <= record.payloadSize, "a part lies within its string");
  visit(record.buf, record.payloadStart + start, record.payloadStart + end);
}
