/**
 * Scores as they are stored: 8 bytes whose unsigned order is numeric order (docs/formats/keys.md).
 * The IEEE double, big-endian, with the sign bit flipped for positives and all bits flipped for negatives; −0 is 0.
 * Worked example: 1 is `bf f0 00 00 00 00 00 00`, −1 is `40 0f ff ff ff ff ff ff`. NaN is no score.
 */

import { assert } from "../base/assert.ts";

export const SCORE_BYTES = 8;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
const HIGH = isLittleEndian ? 1 : 0;
const LOW = 1 - HIGH;

/** Writes a score at `buf[at]`. */
export function writeScore(buf: Uint8Array, at: number, score: number): void {
  assert(!Number.isNaN(score), "a score is a number");
  double[0] = score;
  let high = words[HIGH] as number;
  let low = words[LOW] as number;
  if (score === 0) {
    high = 0x80000000;
    low = 0;
  } else if (high >>> 31 === 1) {
    high = ~high;
    low = ~low;
  } else high |= 0x80000000;
  buf[at] = high >>> 24;
  buf[at + 1] = (high >>> 16) & 255;
  buf[at + 2] = (high >>> 8) & 255;
  buf[at + 3] = high & 255;
  buf[at + 4] = low >>> 24;
  buf[at + 5] = (low >>> 16) & 255;
  buf[at + 6] = (low >>> 8) & 255;
  buf[at + 7] = low & 255;
}

/** The score that is stored at `buf[at]`. */
export function readScore(buf: Uint8Array, at: number): number {
  const high = readWord(buf, at);
  const low = readWord(buf, at + 4);
  const isNegative = high >>> 31 === 0;
  words[HIGH] = isNegative ? ~high : high & 0x7fffffff;
  words[LOW] = isNegative ? ~low : low;
  return double[0] as number;
}

function readWord(buf: Uint8Array, at: number): number {
  return (
    (((buf[at] as number) << 24) |
      ((buf[at + 1] as number) << 16) |
      ((buf[at + 2] as number) << 8) |
      (buf[at + 3] as number)) >>>
    0
  );
}
