/**
 * String values: inline in the record while they are short, a tree of bytes beyond that (docs/formats/keys.md).
 * All functions take a record that was looked up; those that write keep the expiry that `record.expireAtMs` says.
 * Whether the record's type fits is the caller's to check; so are limits of length.
 */

import { assert } from "../base/assert.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import type { LiveRecord } from "./record.ts";
import { Scratch } from "./scratch.ts";

/** Redis's proto-max-bulk-len: no string is longer. */
export const MAX_STRING_BYTES = 512 * 1024 * 1024;

const scratch = new Scratch();

/** The length in bytes of the live string. */
export function stringSize(record: LiveRecord): number {
  return record.payloadSize;
}

/** Makes the record the string `buf[start, end)`, whatever it held. The bytes must stay until the transaction ends. */
export function writeString(tx: Transaction, record: LiveRecord, buf: Buffer, start: number, end: number): void {
  record.replace(tx, RECORD_STRING, buf, start, end);
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

/** Writes the patch over the string (an absent one is empty), with zero bytes before it where it is too short. Answers the new length. */
export function overwriteString(tx: Transaction, record: LiveRecord, patch: StringPatch): number {
  const added = patch.end - patch.start;
  const before = record.exists ? stringSize(record) : 0;
  const size = Math.max(before, patch.offset + added);
  const start = scratch.take(size);
  const out = scratch.buf;
  if (record.exists) record.buf.copy(out, start, record.payloadStart, record.payloadEnd);
  if (patch.offset > before) out.fill(0, start + before, start + patch.offset);
  patch.buf.copy(out, start + patch.offset, patch.start, patch.end);
  record.write(tx, RECORD_STRING, out, start, start + size);
  return size;
}

/** A part [start, end) of the live string. */
export interface StringPart {
  readonly record: LiveRecord;
  readonly start: number;
  readonly end: number;
}

/** Calls `visit` with the bytes of a part, in order, in pieces that are valid during the call. */
export function forEachStringPart(
  _tx: Transaction,
  part: StringPart,
  visit: (buf: Buffer, start: number, end: number) => void,
): void {
  const { record } = part;
  assert(part.start >= 0 && part.start <= part.end && part.end <= stringSize(record), "a part lies within its string");
  visit(record.buf, record.payloadStart + part.start, record.payloadStart + part.end);
}
