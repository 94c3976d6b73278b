/**
 * The payload of DUMP and RESTORE: a value that any node of any cluster takes, whatever its hash seed. It is not
 * Redis's: a payload of one is refused by the other for its checksum. docs/formats/dump.md has the grammar:
 *
 *   type u8 (as in a record) · value in inline form, of any length · version u16 (1) · CRC-32 u32 of all before it
 *
 * Example: the string `hi` → 01 68 69 00 01 35 d1 c1 78.
 */

import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { varintSize, writeVarint } from "../base/varint.ts";

const VERSION = 1;
const FOOTER_BYTES = 6;
const INITIAL_BYTES = 256;
/** A varint of a length or count takes at most this many bytes: 2^35 is beyond any payload. */
const MAX_VARINT_BYTES = 5;

/** Writes a payload piece by piece. */
export class DumpWriter {
  #buf: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 1;

  /** @param type of the value, as in a record. */
  constructor(type: number) {
    this.#buf[0] = type;
  }

  /** A number of elements. */
  count(value: number): void {
    this.#reserve(varintSize(value));
    this.#length = writeVarint(this.#buf, this.#length, value);
  }

  /** Bytes as they are. */
  bytes(buf: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.#length += buf.copy(this.#buf, this.#length, start, end);
  }

  /** A length, and as many bytes. */
  sized(buf: Buffer, start: number, end: number): void {
    this.count(end - start);
    this.bytes(buf, start, end);
  }

  /** The whole payload, with its version and checksum. */
  finish(): Buffer {
    this.#reserve(FOOTER_BYTES);
    const buf = this.#buf;
    const crcAt = buf.writeUInt16BE(VERSION, this.#length);
    const end = buf.writeUInt32BE(crc32(buf, 0, crcAt), crcAt);
    return buf.subarray(0, end);
  }

  #reserve(sizeBytes: number): void {
    const needed = this.#length + sizeBytes;
    if (needed <= this.#buf.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buf.length));
    this.#buf.copy(grown, 0, 0, this.#length);
    this.#buf = grown;
  }
}

/**
 * Reads the value of a checked payload. Never goes beyond it: what is cut short or too long is told by the answers,
 * since a checksum says nothing about who made it.
 */
export class DumpReader {
  readonly type: number;
  readonly buf: Buffer;
  /** The bytes that `take` or `takeSized` found. */
  start: number;
  end: number;
  readonly #first: number;
  readonly #limit: number;

  private constructor(buf: Buffer, start: number, limit: number) {
    this.buf = buf;
    this.type = buf[start] as number;
    this.start = this.end = this.#first = start + 1;
    this.#limit = limit;
  }

  /** Checks version and checksum of the payload `buf[start, end)`; undefined where they are wrong. */
  static open(buf: Buffer, start: number, end: number): DumpReader | undefined {
    if (end - start < 1 + FOOTER_BYTES) return undefined;
    if (buf.readUInt16BE(end - FOOTER_BYTES) !== VERSION) return undefined;
    if (buf.readUInt32BE(end - 4) !== crc32(buf, start, end - 4)) return undefined;
    return new DumpReader(buf, start, end - FOOTER_BYTES);
  }

  /** Goes back to the beginning of the value. */
  rewind(): void {
    this.start = this.end = this.#first;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.#limit - this.end;
  }

  /** Reads a number of elements or bytes; -1 where there is none that the rest can hold. */
  takeCount(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES && this.end < this.#limit; i++) {
      const byte = this.buf[this.end++] as number;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) return value <= this.remaining ? value : -1;
    }
    return -1;
  }

  /** Stands on the next `size` bytes; false where there are fewer. */
  take(size: number): boolean {
    assert(size >= 0, "a number of bytes is not negative");
    if (size > this.remaining) return false;
    this.start = this.end;
    this.end += size;
    return true;
  }

  /** Stands on the bytes behind a length; false where they are cut short. */
  takeSized(): boolean {
    const size = this.takeCount();
    return size >= 0 && this.take(size);
  }
}
