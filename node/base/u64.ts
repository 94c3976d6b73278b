/**
 * Unsigned 64-bit integers in buffers, big-endian, as safe whole numbers of JavaScript.
 * Refuses (by assertion) to write or read what a number cannot hold exactly: nothing we count comes near 2^53.
 */

import { assert } from "./assert.ts";

const TWO_32 = 0x1_0000_0000;

/** Writes `value` (a safe whole number, not negative) as 8 bytes at `at`; returns the offset behind it. */
export function writeU64(buf: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, "a u64 field must be a safe whole number");
  const high = Math.floor(value / TWO_32);
  writeU32(buf, at, high);
  return writeU32(buf, at + 4, value - high * TWO_32);
}

/** Reads 8 bytes at `at`. */
export function readU64(buf: Uint8Array, at: number): number {
  const value = readU32(buf, at) * TWO_32 + readU32(buf, at + 4);
  assert(value <= Number.MAX_SAFE_INTEGER, "a u64 field must fit a safe whole number");
  return value;
}

/** Writes 4 bytes at `at`; returns the offset behind them. */
export function writeU32(buf: Buffer, at: number, value: number): number {
  buf[at] = value >>> 24;
  buf[at + 1] = value >>> 16;
  buf[at + 2] = value >>> 8;
  buf[at + 3] = value;
  return at + 4;
}

/** Reads 4 bytes at `at`, unsigned. */
export function readU32(buf: Uint8Array, at: number): number {
  return (
    (((buf[at] as number) << 24) |
      ((buf[at + 1] as number) << 16) |
      ((buf[at + 2] as number) << 8) |
      (buf[at + 3] as number)) >>>
    0
  );
}
