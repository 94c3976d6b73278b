/**
 * The 80-bit long double of x86-64, with which Redis computes INCRBYFLOAT and HINCRBYFLOAT: 64 bits of mantissa,
 * rounded to nearest even. Exact arithmetic on bigints, so that every replica gets the same digits on any machine.
 *
 * A value is `mantissa × 2^exponent` with |mantissa| ≤ 2^64. Texts are those of C's strtold, hexadecimal too; refused are
 * empty ones, leading space, `nan`, overflow, and underflow to zero.
 */

const MANTISSA_BITS = 64;
/** 2^-16445 is the smallest positive value. */
const MIN_EXPONENT = -16445;
/** Values are below 2^16384. */
const MAX_BITS = 16384;
/** Decimal magnitudes beyond this overflow or vanish, whatever the digits: they are not computed. */
const MAX_DECIMAL_MAGNITUDE = 5000;
/** Redis reads at most this much text as a long double. */
const MAX_TEXT_CHARS = 5 * 1024 - 1;
const FRACTION_DIGITS = 17;
const TEXT = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x(?:([0-9a-f]+)\.?([0-9a-f]*)|\.([0-9a-f]+))(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

export interface LongDouble {
  readonly mantissa: bigint;
  /** Infinity for an infinite value. */
  readonly exponent: number;
}

/** The value that a text spells; undefined where it spells none. */
export function parseLongDouble(text: string): LongDouble | undefined {
  if (text.length > MAX_TEXT_CHARS) return undefined;
  const infinite = INFINITE.exec(text);
  if (infinite) return { mantissa: infinite[1] === "-" ? -1n : 1n, exponent: Number.POSITIVE_INFINITY };
  const match = TEXT.exec(text);
  if (!match) return parseHexadecimal(text);
  const [, sign, whole = "", fraction = match[4] ?? "", , power = "0"] = match;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  const scale = Number(power) - fraction.length;
  const magnitude = scale + digits.toString().length;
  if (Math.abs(magnitude) > MAX_DECIMAL_MAGNITUDE) return undefined;
  return withSign(sign, scale >= 0 ? round(digits * 10n ** BigInt(scale), 1n) : round(digits, 10n ** BigInt(-scale)));
}

function parseHexadecimal(text: string): LongDouble | undefined {
  const match = HEXADECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = match[4] ?? "", , power = "0"] = match;
  const digits = BigInt(`0x${whole}${fraction}`);
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  const scale = Number(power) - 4 * fraction.length;
  if (Math.abs(scale + bitLength(digits)) > 2 * MAX_BITS) return undefined;
  return withSign(sign, scale >= 0 ? round(digits << BigInt(scale), 1n) : round(digits, 1n << BigInt(-scale)));
}

/** The rounded value with its sign; undefined where it overflowed or vanished. */
function withSign(sign: string | undefined, value: LongDouble): LongDouble | undefined {
  if (value.mantissa === 0n || !Number.isFinite(value.exponent)) return undefined;
  return sign === "-" ? { mantissa: -value.mantissa, exponent: value.exponent } : value;
}

/** The rounded sum; undefined where it is not finite. */
export function addLongDoubles(one: LongDouble, other: LongDouble): LongDouble | undefined {
  if (!Number.isFinite(one.exponent) || !Number.isFinite(other.exponent)) return undefined;
  const exponent = Math.min(one.exponent, other.exponent);
  const sum = (one.mantissa << BigInt(one.exponent - exponent)) + (other.mantissa << BigInt(other.exponent - exponent));
  const size = sum < 0n ? -sum : sum;
  const value = exponent >= 0 ? round(size << BigInt(exponent), 1n) : round(size, 1n << BigInt(-exponent));
  if (!Number.isFinite(value.exponent)) return undefined;
  return sum < 0n ? { mantissa: -value.mantissa, exponent: value.exponent } : value;
}

/** A finite value with up to 17 decimals, without trailing zeros or an exponent: as `%.17Lf` and then trimmed. */
export function formatLongDouble(value: LongDouble): string {
  const isNegative = value.mantissa < 0n;
  const scaled = (isNegative ? -value.mantissa : value.mantissa) * 10n ** BigInt(FRACTION_DIGITS);
  const units =
    value.exponent >= 0 ? scaled << BigInt(value.exponent) : divideToEven(scaled, 1n << BigInt(-value.exponent));
  const digits = units.toString().padStart(FRACTION_DIGITS + 1, "0");
  const text = `${digits.slice(0, -FRACTION_DIGITS)}.${digits.slice(-FRACTION_DIGITS)}`.replace(/\.?0+$/, "");
  return isNegative && text !== "0" ? `-${text}` : text;
}

/** numerator / denominator (not negative) as the nearest value. */
function round(numerator: bigint, denominator: bigint): LongDouble {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  let exponent = Math.max(bitLength(numerator) - bitLength(denominator) - MANTISSA_BITS, MIN_EXPONENT);
  let mantissa = divideScaled(numerator, denominator, exponent);
  if (bitLength(mantissa) > MANTISSA_BITS) mantissa = divideScaled(numerator, denominator, ++exponent);
  if (bitLength(mantissa) + exponent > MAX_BITS) exponent = Number.POSITIVE_INFINITY;
  return { mantissa, exponent };
}

function divideScaled(numerator: bigint, denominator: bigint, exponent: number): bigint {
  if (exponent >= 0) return divideToEven(numerator, denominator << BigInt(exponent));
  return divideToEven(numerator << BigInt(-exponent), denominator);
}

function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const isUp = twice > denominator || (twice === denominator && (quotient & 1n) === 1n);
  return isUp ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
