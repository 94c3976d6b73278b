/**
 * Turns the bytes of one connection into commands, as they come: RESP arrays of bulk strings, and inline commands.
 * Source: the RESP specification, redis.io/docs/latest/develop/reference/protocol-spec; limits and texts as in Redis 7.
 *
 * Grammar
 *   command = array | inline
 *   array   = "*" count CRLF count × ("$" size CRLF bytes CRLF)       count ≤ 0: no command
 *   inline  = words separated by blanks, "…" with \n \r \t \b \a \xHH, '…' with \', up to LF
 * Example: `*2\r\n$3\r\nGET\r\n$1\r\na\r\n` → ["GET", "a"].
 *
 * Invariants
 * 1. However the bytes are cut into chunks, the commands are the same.
 * 2. A command that lies in one chunk is given in place; only what spans chunks is copied, in linear time altogether.
 * 3. Memory held is at most twice what arrived and was not consumed: claimed sizes allocate nothing.
 * 4. After an error nothing more is decoded: the connection must be closed.
 */

import { Argv } from "../base/argv.ts";
import { splitInline } from "./inline.ts";
import { type DecoderLimits, FULL_LIMITS } from "./limits.ts";

/** `command`: `argv` holds the next one. `more`: feed another chunk. `error`: `error` holds the reply's text. */
export type Decoded = "command" | "more" | "error";

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const MINUS = 45;
const ZERO = 48;
const EMPTY = Buffer.alloc(0);
/** A header's number has fewer bytes than this; a longer line is no number. */
const NUMBER_BYTES = 20;
/** Room for arguments that is kept between commands; what one huge command needed beyond is given back. */
const KEPT_ARGUMENTS = 1024;

/** What #number answers beside numbers. */
const INCOMPLETE = -2;
const INVALID = -3;
const TOO_LONG = -4;

export class Decoder {
  /** The command that `next` found; valid until `next` is called again. */
  argv: Argv = new Argv();
  /** The text of the error reply, once `next` answered `error`. */
  error = "";
  limits: DecoderLimits;

  #buf: Buffer = EMPTY;
  /** Bytes of #buf that are filled. */
  #end = 0;
  /** Next byte to look at. */
  #pos = 0;
  /** First byte of the command that is being decoded. */
  #start = 0;
  /** Whether #buf is the decoder's own, with room to append. */
  #isOwned = false;
  /** Arguments of the current array still to come; 0 between commands. */
  #argumentsLeft = 0;
  /** Size of the bulk string whose header was read, or -1. */
  #bulkBytes = -1;
  /** Bytes behind #pos that are known to hold no end of line. */
  #scannedBytes = 0;

  constructor(limits: DecoderLimits = FULL_LIMITS) {
    this.limits = limits;
  }

  /** Bytes that were fed and not consumed yet. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Bytes of the buffer that the commands lie in, those of the last one included. */
  get heldBytes(): number {
    return this.#end;
  }

  /** Gives the next bytes. The chunk must not change while commands of it are in use. */
  feed(chunk: Buffer): void {
    const rest = this.#end - this.#start;
    if (rest === 0) {
      this.#take(chunk, chunk.length, false);
      return;
    }
    if (!this.#isOwned || this.#buf.length - this.#end < chunk.length) this.#move(rest, chunk.length);
    chunk.copy(this.#buf, this.#end);
    this.#end += chunk.length;
  }

  /** Decodes the next command into `argv`. */
  next(): Decoded {
    if (this.error !== "") return "error";
    while (this.#argumentsLeft === 0) {
      this.#start = this.#pos;
      if (this.#pos === this.#end) return this.#idle();
      if (this.#buf[this.#pos] !== STAR) {
        const found = this.#inline();
        if (found !== undefined) return found;
        continue;
      }
      const count = this.#number("mbulk");
      if (count === INCOMPLETE) return "more";
      if (count < INCOMPLETE) return "error";
      if (count > 0 && !this.#acceptsCount(count)) return "error";
      if (count > 0) this.#begin(count);
    }
    return this.#bulks();
  }

  #bulks(): Decoded {
    const { argv } = this;
    while (this.#argumentsLeft > 0) {
      if (this.#bulkBytes < 0) {
        if (this.#pos === this.#end) return "more";
        const type = this.#buf[this.#pos] as number;
        if (type !== DOLLAR) return this.#fail(`expected '$', got '${String.fromCharCode(type)}'`);
        const size = this.#number("bulk");
        if (size === INCOMPLETE) return "more";
        if (size < INCOMPLETE) return "error";
        if (size < 0 || size > this.limits.bulkBytes) {
          return this.#fail(
            size >= 0 && this.limits.isUnauthenticated ? "unauthenticated bulk length" : "invalid bulk length",
          );
        }
        this.#bulkBytes = size;
      }
      const stop = this.#pos + this.#bulkBytes;
      if (stop + 2 > this.#end) return "more";
      argv.push(this.#pos, stop);
      this.#pos = stop + 2;
      this.#bulkBytes = -1;
      this.#argumentsLeft--;
    }
    this.#start = this.#pos;
    return "command";
  }

  #begin(count: number): void {
    if (this.argv.offsets.length > 2 * KEPT_ARGUMENTS) this.argv = new Argv();
    this.argv.reset(this.#buf);
    this.#argumentsLeft = count;
  }

  #acceptsCount(count: number): boolean {
    if (count <= this.limits.argumentCount) return true;
    this.#fail(this.limits.isUnauthenticated ? "unauthenticated multibulk length" : "invalid multibulk length");
    return false;
  }

  /** Reads the number of the header line at #pos and goes behind the line; -1 stands for all negative ones. */
  #number(what: "mbulk" | "bulk"): number {
    const buf = this.#buf;
    const limit = Math.min(this.#end - 1, this.#pos + NUMBER_BYTES);
    const first = this.#pos + 1;
    let value = 0;
    for (let at = first; at < limit; at++) {
      const byte = buf[at] as number;
      if (byte === CR) {
        if (at === first || (buf[first] === ZERO && at > first + 1)) return this.#invalid(what);
        this.#pos = at + 2;
        return value;
      }
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) return this.#unusual(what);
      value = 10 * value + digit;
    }
    return limit === this.#end - 1 ? INCOMPLETE : this.#unusual(what);
  }

  /** A header line that is negative, no number, or very long. */
  #unusual(what: "mbulk" | "bulk"): number {
    const at = this.#buf.subarray(0, this.#end).indexOf(CR, this.#pos + this.#scannedBytes);
    const sizeBytes = (at < 0 ? this.#end : at) - this.#pos;
    if (sizeBytes > this.limits.inlineBytes) {
      this.#fail(`too big ${what} count string`);
      return TOO_LONG;
    }
    if (at < 0 || at + 1 >= this.#end) {
      this.#scannedBytes = sizeBytes;
      return INCOMPLETE;
    }
    this.#scannedBytes = 0;
    if (this.#buf[this.#pos + 1] !== MINUS) return this.#invalid(what);
    if (!/^-[1-9]\d{0,17}$/.test(this.#buf.toString("latin1", this.#pos + 1, at))) return this.#invalid(what);
    this.#pos = at + 2;
    return -1;
  }

  #invalid(what: "mbulk" | "bulk"): number {
    this.#fail(what === "mbulk" ? "invalid multibulk length" : "invalid bulk length");
    return INVALID;
  }

  /** Undefined when the line held no command. */
  #inline(): Decoded | undefined {
    const from = this.#pos + this.#scannedBytes;
    const lineEnd = this.#buf.subarray(0, this.#end).indexOf(LF, from);
    if ((lineEnd < 0 ? this.#end : lineEnd) - this.#pos > this.limits.inlineBytes) {
      return this.#fail("too big inline request");
    }
    if (lineEnd < 0) {
      this.#scannedBytes = this.#end - this.#pos;
      return "more";
    }
    const start = this.#pos;
    this.#scannedBytes = 0;
    this.#pos = lineEnd + 1;
    this.#start = this.#pos;
    const stop = lineEnd > start && this.#buf[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
    if (!splitInline(this.#buf.subarray(start, stop), this.argv)) return this.#fail("unbalanced quotes in request");
    return this.argv.count > 0 ? "command" : undefined;
  }

  /** All is consumed: lets go of the buffers, so that an idle connection holds none. */
  #idle(): Decoded {
    this.#take(EMPTY, 0, false);
    this.argv.reset(EMPTY);
    return "more";
  }

  #take(buf: Buffer, end: number, isOwned: boolean): void {
    this.#buf = buf;
    this.#end = end;
    this.#pos = 0;
    this.#start = 0;
    this.#isOwned = isOwned;
  }

  /** Moves the unconsumed rest to a buffer of our own, twice as large as needed, or just right for a known bulk string. */
  #move(rest: number, addedBytes: number): void {
    const needed = rest + addedBytes;
    const known = this.#bulkBytes < 0 ? 0 : this.#pos - this.#start + this.#bulkBytes + 2;
    const capacity = known >= needed && known < 2 * needed ? known : 2 * needed;
    const own = Buffer.allocUnsafeSlow(capacity);
    this.#buf.copy(own, 0, this.#start, this.#end);
    const shift = this.#start;
    const pos = this.#pos - shift;
    this.#take(own, rest, true);
    this.#pos = pos;
    if (this.#argumentsLeft === 0) return;
    const { argv } = this;
    argv.buf = own;
    for (let i = 0; i < 2 * argv.count; i++) argv.offsets[i] = (argv.offsets[i] as number) - shift;
  }

  #fail(text: string): "error" {
    this.error = `ERR Protocol error: ${text}`;
    return "error";
  }
}
