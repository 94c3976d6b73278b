/**
 * Writes replies as RESP bytes into a buffer that grows and is reused.
 * One writer serves many sessions: a session takes what was written since its `mark`.
 * RESP3 types fall back to their RESP2 form when `protocol` is 2 (maps and sets to arrays, doubles to bulk strings, …).
 * Source: the RESP specification, redis.io/docs/latest/develop/reference/protocol-spec.
 */

const INITIAL_BYTES = 64 * 1024;
/** A writer that is cleared keeps no more room than this: enough for a turn of a thousand connections. */
const KEPT_BYTES = 4 * 1024 * 1024;
const CR = 13;
const LF = 10;
/** Whole numbers of at most this many digits are written digit by digit. */
const SMALL_DIGITS = 9;

export type Protocol = 2 | 3;

export class ReplyWriter {
  protocol: Protocol = 2;
  /** What was written lies in `buf[0, length)`. */
  buf: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  length = 0;

  /** A position to `rewind` to or to cut from. */
  mark(): number {
    return this.length;
  }

  /** Forgets all, and gives back the room that an unusually long reply took. */
  clear(): void {
    this.length = 0;
    if (this.buf.length > KEPT_BYTES) this.buf = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  }

  /** Forgets all that was written since `mark` (a command that is run again, an aborted EXEC). */
  rewind(mark: number): void {
    this.length = mark;
  }

  /**
   * Moves what was written since `from` in front of what was written since `mark` (`mark` ≤ `from`): for the header
   * of an array whose count is known only when its elements are written.
   */
  putBefore(mark: number, from: number): void {
    const size = this.length - from;
    this.#reserve(size);
    this.buf.copyWithin(mark + size, mark, this.length);
    this.buf.copyWithin(mark, from + size, from + 2 * size);
  }

  /** A simple string: no CR or LF in it. */
  simple(text: string): void {
    this.#line(43, text);
  }

  ok(): void {
    this.#reserve(5);
    const { buf } = this;
    let at = this.length;
    buf[at++] = 43;
    buf[at++] = 79;
    buf[at++] = 75;
    buf[at++] = CR;
    buf[at++] = LF;
    this.length = at;
  }

  /**
   * An error; `text` starts with its code word (`ERR`, `WRONGTYPE`). CR and LF become spaces. One character is one
   * byte, so that what a client sent is shown as it is; a text that does not fit that is UTF-8.
   */
  error(text: string): void {
    this.#line(45, /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, " ") : text, isByteText(text) ? "latin1" : "utf8");
  }

  /** A 64-bit integer: a safe whole number, or a bigint. */
  integer(value: number | bigint): void {
    this.#header(58, value);
  }

  /** A bulk string of the bytes `buf[start, end)`. */
  bulk(buf: Buffer, start = 0, end = buf.length): void {
    this.#header(36, end - start);
    this.raw(buf, start, end);
    this.#crlf();
  }

  /** Opens a bulk string of `sizeBytes` that are then given piece by piece with `raw`, and ended with `bulkEnd`. */
  bulkBegin(sizeBytes: number): void {
    this.#header(36, sizeBytes);
    this.#reserve(sizeBytes + 2);
  }

  bulkEnd(): void {
    this.#crlf();
  }

  /**
   * Whether what was written lies in memory that `clear` gives away: then it may be kept without a copy.
   * Asked when all is written.
   */
  get isGivenAway(): boolean {
    return this.buf.length > KEPT_BYTES;
  }

  /** A bulk string of a text as UTF-8. */
  bulkText(text: string): void {
    const size = Buffer.byteLength(text);
    this.#header(36, size);
    this.#reserve(size + 2);
    this.length += this.buf.write(text, this.length, "utf8");
    this.#crlf();
  }

  /** "No value" where a bulk string was asked for: `$-1`, or `_` in RESP3. */
  nil(): void {
    this.#none(36);
  }

  /** "No value" where an array was asked for: `*-1`, or `_` in RESP3. */
  nilArray(): void {
    this.#none(42);
  }

  /** Opens an array of `count` replies, which must follow. */
  array(count: number): void {
    this.#header(42, count);
  }

  /** Opens a map of `count` pairs; twice as many replies follow. */
  map(count: number): void {
    if (this.protocol === 3) this.#header(37, count);
    else this.#header(42, 2 * count);
  }

  set(count: number): void {
    this.#header(this.protocol === 3 ? 126 : 42, count);
  }

  push(count: number): void {
    this.#header(this.protocol === 3 ? 62 : 42, count);
  }

  /** A double by its shortest text; `text` overrides it where Redis formats otherwise. */
  double(value: number, text = formatDouble(value)): void {
    if (this.protocol === 3) this.#line(44, text);
    else this.bulkText(text);
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.#line(35, value ? "t" : "f");
    else this.integer(value ? 1 : 0);
  }

  /** A text with a three-letter format (`txt`, `mkd`); a bulk string in RESP2. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 2) {
      this.bulkText(text);
      return;
    }
    const size = Buffer.byteLength(text) + 4;
    this.#header(61, size);
    this.#reserve(size + 2);
    this.length += this.buf.write(`${format}:${text}`, this.length, "utf8");
    this.#crlf();
  }

  /** Ready-made RESP bytes: a forwarded reply, or a part of one. */
  raw(buf: Buffer, start = 0, end = buf.length): void {
    const size = end - start;
    this.#reserve(size);
    if (size <= 24) {
      const out = this.buf;
      let at = this.length;
      for (let i = start; i < end; i++) out[at++] = buf[i] as number;
    } else {
      buf.copy(this.buf, this.length, start, end);
    }
    this.length += size;
  }

  #none(type: number): void {
    this.#reserve(5);
    const { buf } = this;
    let at = this.length;
    if (this.protocol === 3) {
      buf[at++] = 95;
    } else {
      buf[at++] = type;
      buf[at++] = 45;
      buf[at++] = 49;
    }
    buf[at++] = CR;
    buf[at++] = LF;
    this.length = at;
  }

  #line(type: number, text: string, encoding: "utf8" | "latin1" = "utf8"): void {
    this.#reserve(3 * text.length + 3);
    this.buf[this.length++] = type;
    this.length += this.buf.write(text, this.length, encoding);
    this.#crlf();
  }

  #header(type: number, value: number | bigint): void {
    this.#reserve(32);
    this.buf[this.length++] = type;
    if (typeof value === "number" && value >= 0 && value < 10 ** SMALL_DIGITS) this.#digits(value);
    else this.length += this.buf.write(String(value), this.length, "latin1");
    this.#crlf();
  }

  #digits(value: number): void {
    let size = 1;
    for (let limit = 10; value >= limit; limit *= 10) size++;
    let rest = value;
    for (let at = this.length + size - 1; at >= this.length; at--) {
      const next = Math.trunc(rest / 10);
      this.buf[at] = 48 + rest - 10 * next;
      rest = next;
    }
    this.length += size;
  }

  #crlf(): void {
    this.#reserve(2);
    this.buf[this.length++] = CR;
    this.buf[this.length++] = LF;
  }

  #reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buf.length));
    this.buf.copy(grown, 0, 0, this.length);
    this.buf = grown;
  }
}

/** Whole numbers below this have an exact text of at most 16 digits by JavaScript's rules too. */
const EXACT_INTEGERS = 2 ** 53;
/** Multiples of 2^-10 below 2^16 have at most 15 digits, so that the shortest text is the exact one. */
const EXACT_SCALE = 2 ** 10;
const EXACT_FRACTIONS = 2 ** 16;
/** Significant digits that Redis 7.0 prints: C's `%.17g`. */
const DIGITS = 17;
/** Digits behind the first one that tell a tie from what is only close to one. */
const MANY_DIGITS = 60;

/** A double as Redis 7.0 prints it: C's `%.17g`, or `inf`, `-inf`, `nan`. 0.1 is 0.10000000000000001. */
export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "inf";
  if (value === Number.NEGATIVE_INFINITY) return "-inf";
  if (Number.isNaN(value)) return "nan";
  if (value < 0 || Object.is(value, -0)) return `-${formatDouble(-value)}`;
  const isExact = Number.isInteger(value) ? value < EXACT_INTEGERS : value < EXACT_FRACTIONS;
  if (isExact && Number.isInteger(value * EXACT_SCALE)) return String(value);
  const rounded = value.toExponential(DIGITS - 1);
  const exponent = Number(rounded.slice(DIGITS + 2));
  const scientific = roundTieToEven(value, exponent, rounded);
  const digits = `${scientific[0]}${scientific.slice(2, DIGITS + 1)}`;
  if (exponent >= DIGITS || exponent < -4) {
    const power = String(Math.abs(exponent)).padStart(2, "0");
    return `${withPoint(digits, 1)}e${exponent < 0 ? "-" : "+"}${power}`;
  }
  return exponent >= 0 ? withPoint(digits, exponent + 1) : withPoint("0".repeat(-exponent) + digits, 1);
}

/**
 * JavaScript rounds a tie up, C to the even digit. A tie has 18 digits, the last behind as many decimals at most as
 * the number has binary ones, so few numbers can be one.
 */
function roundTieToEven(value: number, exponent: number, rounded: string): string {
  const isEven = (rounded.charCodeAt(DIGITS) & 1) === 0;
  if (isEven || !Number.isInteger(value * 2 ** (DIGITS - exponent))) return rounded;
  const exact = value.toExponential(MANY_DIGITS);
  const isTie = /^50*e/.test(exact.slice(DIGITS + 1));
  return isTie ? exact.slice(0, DIGITS + 1) + exact.slice(exact.indexOf("e")) : rounded;
}

/** Digits with a point behind `wholeDigits` of them, without the zeros at the end. */
function withPoint(digits: string, wholeDigits: number): string {
  let end = digits.length;
  while (end > wholeDigits && digits.charCodeAt(end - 1) === 48) end--;
  return end === wholeDigits
    ? digits.slice(0, end)
    : `${digits.slice(0, wholeDigits)}.${digits.slice(wholeDigits, end)}`;
}

/** Whether each character stands for one byte. */
function isByteText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}
