/**
 * Reads the primitives of docs/formats/peer-wire.md from a range of a buffer. Everything comes from outside:
 * what does not fit is the OperatingError `PeerProtocolError`, never an assertion and never a read out of range.
 */

import { OperatingError } from "../base/errors.ts";

/** The error of bytes that no correct peer sends. The link that gave them is closed. */
export function protocolError(problem: string): OperatingError {
  return new OperatingError("PeerProtocolError", `a peer sent ${problem}; the link is closed`);
}

export class ByteReader {
  buf: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /** Reads `buf[start, end)` from now on. */
  reset(buf: Buffer, start: number, end: number): void {
    this.buf = buf;
    this.at = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  u8(): number {
    this.#want(1);
    return this.buf[this.at++] as number;
  }

  u16(): number {
    this.#want(2);
    const value = ((this.buf[this.at] as number) << 8) | (this.buf[this.at + 1] as number);
    this.at += 2;
    return value;
  }

  u32(): number {
    this.#want(4);
    const { buf, at } = this;
    this.at += 4;
    return (
      (((buf[at] as number) << 24) |
        ((buf[at + 1] as number) << 16) |
        ((buf[at + 2] as number) << 8) |
        (buf[at + 3] as number)) >>>
      0
    );
  }

  u64(): number {
    const high = this.u32();
    const low = this.u32();
    if (high >= 0x200000) throw protocolError("a number of 2^53 or more");
    return high * 0x100000000 + low;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw protocolError("a number of 2^53 or more");
      if (byte < 128) return value;
      if (scale > 2 ** 49) throw protocolError("a number of too many bytes");
    }
  }

  /** A count of items of which each takes at least `minBytes`: no more than can still follow. */
  count(minBytes: number): number {
    const count = this.varint();
    if (count * minBytes > this.remaining) throw protocolError("a count of more than its payload holds");
    return count;
  }

  /** The length of a `bytes` field whose bytes are all there; they start at `at` and the caller moves on. */
  byteLength(): number {
    const size = this.varint();
    this.#want(size);
    return size;
  }

  /** A `bytes` field as a view. */
  bytes(): Buffer {
    return this.raw(this.byteLength());
  }

  /** The next `size` bytes as a view. */
  raw(size: number): Buffer {
    this.#want(size);
    this.at += size;
    return this.buf.subarray(this.at - size, this.at);
  }

  text(): string {
    return this.bytes().toString("utf8");
  }

  id128(): string {
    this.#want(16);
    this.at += 16;
    return this.buf.toString("hex", this.at - 16, this.at);
  }

  /** Every payload is read to its end. */
  finish(): void {
    if (this.at !== this.end) throw protocolError(`${this.remaining} bytes too many`);
  }

  #want(size: number): void {
    if (size > this.end - this.at) throw protocolError("a payload that ends too early");
  }
}
