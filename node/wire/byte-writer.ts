/**
 * Writes the primitives of docs/formats/peer-wire.md into a buffer that grows. Big-endian.
 * Numbers out of range are programmer's errors: they come from this node.
 */

import { assert } from "../base/assert.ts";

const HEX_128_DIGITS = 32;

export class ByteWriter {
  /** What was written lies in `buf[0, length)`. */
  buf: Buffer;
  length = 0;

  constructor(initialBytes = 1024) {
    this.buf = Buffer.allocUnsafeSlow(initialBytes);
  }

  u8(value: number): void {
    this.reserve(1);
    this.buf[this.length++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.buf[this.length++] = value >>> 8;
    this.buf[this.length++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.putU32At(this.length, value);
    this.length += 4;
  }

  /** A whole number of 0 … 2^53−1. */
  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "a u64 on the wire is a whole number below 2^53");
    this.u32(Math.floor(value / 0x100000000));
    this.u32(value >>> 0);
  }

  /** LEB128 of a whole number of 0 … 2^53−1. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    while (rest > 0x7fffffff) {
      this.buf[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.buf[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.buf[this.length++] = rest;
  }

  /** `buf[start, end)` without a length. */
  raw(buf: Buffer, start: number, end: number): void {
    const size = end - start;
    this.reserve(size);
    if (size <= 24) {
      const out = this.buf;
      let at = this.length;
      for (let i = start; i < end; i++) out[at++] = buf[i] as number;
    } else {
      buf.copy(this.buf, this.length, start, end);
    }
    this.length += size;
  }

  /** Length as a varint, then `buf[start, end)`. */
  bytes(buf: Buffer, start: number, end: number): void {
    this.varint(end - start);
    this.raw(buf, start, end);
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.reserve(size);
    this.length += this.buf.write(value, this.length, "utf8");
  }

  /** A cluster or node id: 32 lower-case hex digits as 16 bytes. */
  id128(hex: string): void {
    assert(hex.length === HEX_128_DIGITS, "an id is 32 hex digits");
    this.reserve(16);
    const written = this.buf.write(hex, this.length, "hex");
    assert(written === 16, "an id is 32 hex digits");
    this.length += 16;
  }

  /** Overwrites four bytes already written. */
  putU32At(offset: number, value: number): void {
    this.buf[offset] = value >>> 24;
    this.buf[offset + 1] = value >>> 16;
    this.buf[offset + 2] = value >>> 8;
    this.buf[offset + 3] = value;
  }

  /** What was written, as a view. */
  written(): Buffer {
    return this.buf.subarray(0, this.length);
  }

  protected reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buf.length));
    this.buf.copy(grown, 0, 0, this.length);
    this.buf = grown;
  }
}
