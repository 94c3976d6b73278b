/**
 * The arguments of one command where they lie: byte ranges of one buffer, no strings, no slices.
 * The decoder, the log and the peer link all give commands in this form, so that execution is the same code.
 * Lifetime: an Argv that a decoder fills is valid until the decoder is asked for the next command;
 * whoever keeps it longer takes `own()`.
 */

import { copyRange } from "./bytes.ts";

export class Argv {
  buf: Buffer;
  /** Number of arguments, the command's name included. */
  count: number;
  /** Argument i is `buf[offsets[2i], offsets[2i+1])`. Longer than 2·count: the room is reused. */
  offsets: Int32Array;

  constructor(buf: Buffer = Buffer.alloc(0), capacity = 16) {
    this.buf = buf;
    this.count = 0;
    this.offsets = new Int32Array(2 * capacity);
  }

  /** Forgets all arguments and takes `buf` as the buffer of those to come. */
  reset(buf: Buffer): void {
    this.buf = buf;
    this.count = 0;
  }

  /** Adds an argument that lies at `buf[start, end)`. */
  push(start: number, end: number): void {
    const at = 2 * this.count;
    if (at === this.offsets.length) {
      const grown = new Int32Array(2 * this.offsets.length);
      grown.set(this.offsets);
      this.offsets = grown;
    }
    this.offsets[at] = start;
    this.offsets[at + 1] = end;
    this.count++;
  }

  start(index: number): number {
    return this.offsets[2 * index] as number;
  }

  end(index: number): number {
    return this.offsets[2 * index + 1] as number;
  }

  lengthOf(index: number): number {
    return this.end(index) - this.start(index);
  }

  /** A view of argument `index`: shares the buffer's memory and lifetime. */
  view(index: number): Buffer {
    return this.buf.subarray(this.start(index), this.end(index));
  }

  /** Argument `index` as text, one character a byte: for names, options and numbers, which are ASCII. */
  text(index: number): string {
    return this.buf.toString("latin1", this.start(index), this.end(index));
  }

  /** Bytes of all arguments together. */
  sizeBytes(): number {
    let total = 0;
    for (let i = 0; i < this.count; i++) total += this.lengthOf(i);
    return total;
  }

  /** A copy in memory of its own, packed. */
  own(): Argv {
    const packed = Buffer.allocUnsafe(this.sizeBytes());
    const copy = new Argv(packed, Math.max(1, this.count));
    let at = 0;
    for (let i = 0; i < this.count; i++) {
      const from = at;
      at = copyRange(this.buf, this.start(i), this.end(i), packed, at);
      copy.push(from, at);
    }
    return copy;
  }

  /**
   * A copy of the ranges, which keeps the whole buffer alive: for what is kept for a short time, of arguments whose
   * buffer nobody writes to again, as those of the decoder.
   */
  shared(): Argv {
    const copy = new Argv(this.buf, Math.max(1, this.count));
    for (let i = 0; i < this.count; i++) copy.push(this.start(i), this.end(i));
    return copy;
  }

  /** An Argv of given parts; strings are UTF-8. For tests, internal commands and rewriting. */
  static of(...parts: readonly (string | Buffer | number)[]): Argv {
    const buffers = parts.map((part) => (Buffer.isBuffer(part) ? part : Buffer.from(String(part))));
    const argv = new Argv(Buffer.concat(buffers), Math.max(1, parts.length));
    let at = 0;
    for (const part of buffers) {
      argv.push(at, at + part.length);
      at += part.length;
    }
    return argv;
  }
}
