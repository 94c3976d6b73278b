/** The timeout of blocking commands: seconds with fractions, 0 for ever. */

import type { Argv } from "../base/argv.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { readDouble } from "./argument-reader.ts";

/** Redis counts in 64-bit milliseconds, and calls negative what does not fit. */
const MAX_TIMEOUT_MS = 2 ** 63;

/** The timeout at argument `index` in whole milliseconds, rounded up; a text is the error. */
export function readTimeoutMs(argv: Argv, index: number): number | string {
  const seconds = readDouble(argv, index);
  if (seconds === undefined) return ERRORS.timeoutNotFloat;
  const timeoutMs = Math.ceil(seconds * 1000);
  return seconds < 0 || timeoutMs >= MAX_TIMEOUT_MS ? ERRORS.timeoutNegative : timeoutMs;
}
