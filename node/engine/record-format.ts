/**
 * The header of a record's value: type, expiry, tree flag. The payload behind it belongs to the datatypes.
 * Source: docs/formats/keys.md, "Record value".
 *
 * Grammar: byte 0 = type (low nibble) | 0x10 has expiry | 0x20 tree form; then expire-at u64 (ms since 1970) only
 * with 0x10; then the payload. Example: `SET k hi` → 01 68 69; expiring at 1,700,000,000,000 →
 * 11 00 00 01 8b cf e5 68 00 68 69.
 * All functions take the value where it lies, `buf` from `start`, and allocate nothing.
 */

import { readU64, writeU64 } from "../base/u64.ts";

export const RECORD_STRING = 1;
export const RECORD_LIST = 2;
export const RECORD_HASH = 3;
export const RECORD_SET = 4;
export const RECORD_ZSET = 5;
export const RECORD_STREAM = 6;

/** The low nibble of a value's first byte. */
export type RecordType =
  | typeof RECORD_STRING
  | typeof RECORD_LIST
  | typeof RECORD_HASH
  | typeof RECORD_SET
  | typeof RECORD_ZSET
  | typeof RECORD_STREAM;

const TYPE_MASK = 0x0f;
const HAS_EXPIRY = 0x10;
const TREE_FORM = 0x20;

/** Bytes of a header with an expiry, the longest. */
export const MAX_RECORD_HEADER_BYTES = 9;

export function recordType(buf: Uint8Array, start: number): RecordType {
  return ((buf[start] as number) & TYPE_MASK) as RecordType;
}

export function hasRecordExpiry(buf: Uint8Array, start: number): boolean {
  return ((buf[start] as number) & HAS_EXPIRY) !== 0;
}

/** Whether the payload is a tree's descriptor (two for a sorted set) rather than the elements. */
export function isRecordTree(buf: Uint8Array, start: number): boolean {
  return ((buf[start] as number) & TREE_FORM) !== 0;
}

/** Milliseconds since 1970, or 0 where the record has no expiry. */
export function recordExpireAtMs(buf: Uint8Array, start: number): number {
  return hasRecordExpiry(buf, start) ? readU64(buf, start + 1) : 0;
}

/** Whether the record is to be treated as absent at `nowMs`. */
export function isRecordExpired(buf: Uint8Array, start: number, nowMs: number): boolean {
  return hasRecordExpiry(buf, start) && readU64(buf, start + 1) <= nowMs;
}

/** Where the payload starts, as an offset into `buf`. */
export function recordPayloadStart(buf: Uint8Array, start: number): number {
  return hasRecordExpiry(buf, start) ? start + MAX_RECORD_HEADER_BYTES : start + 1;
}

/**
 * Writes a header at `out[at…]` and returns the offset behind it. `expireAtMs` 0: no expiry.
 * `out` needs room for MAX_RECORD_HEADER_BYTES.
 */
export function writeRecordHeader(
  out: Buffer,
  at: number,
  header: { readonly type: RecordType; readonly isTree: boolean; readonly expireAtMs: number },
): number {
  const hasExpiry = header.expireAtMs !== 0;
  out[at] = header.type | (hasExpiry ? HAS_EXPIRY : 0) | (header.isTree ? TREE_FORM : 0);
  return hasExpiry ? writeU64(out, at + 1, header.expireAtMs) : at + 1;
}
