/**
 * The slot record: where a slot's data lives in the database and up to where the log is applied in it.
 * Written in the same batch as the slot's dirty records, so that data and position always agree.
 * Source: docs/formats/keys.md, "Slot record". 80 bytes, big-endian:
 *
 * version u8 (1) · flags u8 (0) · 0 u16 · crc u32 · replica u64 · generation u64 · index u64 · term u64 · nowMs u64 ·
 * key count u64 · next tree id u64 · bytes u64 · expiring count u64
 *
 * Example: replica 2, generation 7, nothing applied, next tree 1 starts with
 * 01 00 0000 00000000 0000000000000002 0000000000000007 and goes on in zeros but for the next tree id.
 * Refuses a version or a length that it does not know.
 */

import { OperatingError } from "../base/errors.ts";
import { readU32, readU64, writeU32, writeU64 } from "../base/u64.ts";

const SLOT_RECORD_BYTES = 80;
const VERSION = 1;

/** The last log entry that a state contains; {0, 0, 0} before the first. */
export interface AppliedPosition {
  readonly index: number;
  readonly term: number;
  /** CRC-32 of that entry, which the next entry names. */
  readonly crc: number;
}

export interface SlotRecord {
  readonly replica: number;
  readonly generation: number;
  readonly applied: AppliedPosition;
  /** The slot's time: never goes back. Milliseconds since 1970. */
  readonly nowMs: number;
  readonly keyCount: number;
  /** Keys that have an expiry. */
  readonly expiringCount: number;
  readonly nextTreeId: number;
  /** Estimated bytes of keys and values of records and pages. */
  readonly sizeBytes: number;
}

export function encodeSlotRecord(record: SlotRecord): Buffer {
  const out = Buffer.alloc(SLOT_RECORD_BYTES);
  out[0] = VERSION;
  writeU32(out, 4, record.applied.crc);
  let at = writeU64(out, 8, record.replica);
  at = writeU64(out, at, record.generation);
  at = writeU64(out, at, record.applied.index);
  at = writeU64(out, at, record.applied.term);
  at = writeU64(out, at, record.nowMs);
  at = writeU64(out, at, record.keyCount);
  at = writeU64(out, at, record.nextTreeId);
  at = writeU64(out, at, record.sizeBytes);
  writeU64(out, at, record.expiringCount);
  return out;
}

/** @throws OperatingError StoreCorrupt where the bytes are no slot record of version 1. */
export function decodeSlotRecord(buf: Buffer): SlotRecord {
  if (buf.length !== SLOT_RECORD_BYTES || buf[0] !== VERSION) {
    throw new OperatingError(
      "StoreCorrupt",
      `a slot record has version ${buf[0]} and ${buf.length} bytes; this program knows version ${VERSION} with ${SLOT_RECORD_BYTES} bytes: the data directory is damaged or was written by a newer version`,
    );
  }
  return {
    replica: readU64(buf, 8),
    generation: readU64(buf, 16),
    applied: { index: readU64(buf, 24), term: readU64(buf, 32), crc: readU32(buf, 4) },
    nowMs: readU64(buf, 40),
    keyCount: readU64(buf, 48),
    nextTreeId: readU64(buf, 56),
    sizeBytes: readU64(buf, 64),
    expiringCount: readU64(buf, 72),
  };
}
