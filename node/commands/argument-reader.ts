/**
 * Reads numbers and option words from the bytes of arguments, as strictly as Redis does and without making strings
 * on the hot paths. Nothing here replies: a caller that gets `undefined` chooses the error text of its command.
 *
 * Integers are Redis's: decimal, an optional `-`, no `+`, space, leading zero or `-0`, within 64 bits signed.
 * Doubles are C's strtod over the whole argument: decimal or hexadecimal, `inf`, `infinity`, either sign; refused are
 * an empty argument, leading space, `nan`, and what overflows to infinity or underflows to zero.
 */

import type { Argv } from "../base/argv.ts";

const MINUS = 45;
const ZERO = 48;
const NINE = 57;
/** Numbers of at most this many digits are safe integers, whatever the digits. */
const SAFE_DIGITS = 15;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
/** 10^k is exact as a double up to k = 22. */
const POWERS_OF_TEN = Array.from({ length: SAFE_DIGITS + 1 }, (_, k) => 10 ** k);
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/**
 * The 64-bit integer that `buf[start, end)` spells: a number where it is a safe integer, else a bigint;
 * undefined where it is none.
 */
export function parseInteger(buf: Uint8Array, start: number, end: number): number | bigint | undefined {
  const isNegative = start < end && buf[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  const digits = end - first;
  if (digits <= 0 || digits > 19) return undefined;
  if (buf[first] === ZERO) return digits === 1 && !isNegative ? 0 : undefined;
  let value = 0;
  for (let at = first; at < end; at++) {
    const byte = buf[at] as number;
    if (byte < ZERO || byte > NINE) return undefined;
    value = value * 10 + (byte - ZERO);
  }
  if (digits <= SAFE_DIGITS) return isNegative ? -value : value;
  return narrowInteger(BigInt(textOf(buf, start, end)));
}

function textOf(buf: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(buf[at] as number);
  return text;
}

/** A 64-bit integer in the form that `parseInteger` gives; undefined where it does not fit 64 bits. */
export function narrowInteger(value: bigint): number | bigint | undefined {
  if (value > MAX_INT64 || value < MIN_INT64) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Argument `index` as a 64-bit integer, see `parseInteger`. */
export function readInteger(argv: Argv, index: number): number | bigint | undefined {
  return parseInteger(argv.buf, argv.start(index), argv.end(index));
}

/**
 * Argument `index` as a 64-bit integer brought into the safe range: for indexes, offsets and counts, where all beyond
 * 2^53 means the same. Undefined where it is no 64-bit integer.
 */
export function readClampedInteger(argv: Argv, index: number): number | undefined {
  const value = parseInteger(argv.buf, argv.start(index), argv.end(index));
  if (typeof value !== "bigint") return value;
  return value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
}

/** The double that `buf[start, end)` spells, ±infinity included; undefined where it is none. */
export function parseDouble(buf: Buffer, start: number, end: number): number | undefined {
  const fast = parsePlainDecimal(buf, start, end);
  return Number.isNaN(fast) ? parseAnyDouble(buf.toString("latin1", start, end)) : fast;
}

/** Argument `index` as a double, see `parseDouble`. */
export function readDouble(argv: Argv, index: number): number | undefined {
  return parseDouble(argv.buf, argv.start(index), argv.end(index));
}

/** Sign, up to 15 digits, at most one point: exact by one division. NaN where it is anything else. */
function parsePlainDecimal(buf: Uint8Array, start: number, end: number): number {
  let at = start;
  const isNegative = at < end && buf[at] === MINUS;
  if (isNegative) at++;
  if (end - at > SAFE_DIGITS) return Number.NaN;
  let mantissa = 0;
  let digits = 0;
  let fraction = -1;
  for (; at < end; at++) {
    const byte = buf[at] as number;
    if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + (byte - ZERO);
      digits++;
    } else if (byte === 46 && fraction < 0) fraction = digits;
    else return Number.NaN;
  }
  if (digits === 0) return Number.NaN;
  const value = fraction < 0 ? mantissa : mantissa / (POWERS_OF_TEN[digits - fraction] as number);
  return isNegative ? -value : value;
}

function parseAnyDouble(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    const isLost = !Number.isFinite(value) || (value === 0 && /[1-9]/.test(text.replace(/e.*/i, "")));
    return isLost ? undefined : value;
  }
  const infinite = INFINITE.exec(text);
  if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [, sign, whole, fraction = "", exponent = "0"] = HEXADECIMAL.exec(text) ?? [];
  if (whole === undefined || whole.length + fraction.length === 0) return undefined;
  const mantissa = Number(BigInt(`0x${whole}${fraction}`));
  const value = mantissa * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value) || (value === 0 && mantissa !== 0)) return undefined;
  return sign === "-" ? -value : value;
}

/** An option word made ready for `isWord`: ASCII, case does not count. */
export function optionWord(text: string): Uint8Array {
  return Buffer.from(text.toLowerCase(), "latin1");
}

/** Whether argument `index` is the option `word` (made by `optionWord`), whatever its case. */
export function isWord(argv: Argv, index: number, word: Uint8Array): boolean {
  const start = argv.start(index);
  if (argv.end(index) - start !== word.length) return false;
  const buf = argv.buf;
  for (let i = 0; i < word.length; i++) {
    const wanted = word[i] as number;
    const byte = buf[start + i] as number;
    if (byte !== wanted && !(wanted >= 97 && wanted <= 122 && byte === wanted - 32)) return false;
  }
  return true;
}

/** Whether two arguments have the same bytes (RENAME k k, SMOVE s s m). */
export function isSameArgument(argv: Argv, one: number, other: number): boolean {
  return argv.buf.compare(argv.buf, argv.start(one), argv.end(one), argv.start(other), argv.end(other)) === 0;
}
