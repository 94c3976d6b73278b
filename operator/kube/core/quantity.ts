/**
 * Kubernetes quantities (`500m`, `1Gi`, `1e3`), compared by value: the API server writes them in its own way.
 * Grammar: sign? digits[.digits] suffix?; suffix: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or e|E with a whole exponent.
 * `1.5Gi` is 1610612736, `100m` is 0.1.
 */

const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const PATTERN = /^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/;
const NANO_DIGITS = 9;

/** The value in billionths, rounded away from zero as the API server does; undefined where the text is no quantity. */
function nanosOf(text: string): bigint | undefined {
  const match = PATTERN.exec(text);
  const [, sign, whole = "", fraction = "", suffix = "", exponent] = match ?? [];
  if (!match || whole + fraction === "") return undefined;
  const bits = BINARY[suffix] ?? 0;
  const power = NANO_DIGITS - fraction.length + (exponent === undefined ? (DECIMAL[suffix] ?? 0) : Number(exponent));
  const scaled = BigInt(whole + fraction) << BigInt(bits);
  const nanos = power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power));
  return sign === "-" ? -nanos : nanos;
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** Whether both are quantities of the same value. */
export function isSameQuantity(a: string, b: string): boolean {
  const nanos = nanosOf(a);
  return nanos !== undefined && nanos === nanosOf(b);
}
