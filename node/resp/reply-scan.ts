/**
 * Finds where replies begin and end in RESP bytes that our own nodes wrote, for joining and taking them apart.
 * It trusts them: bytes that are no whole reply are a broken invariant.
 */

import { assert } from "../base/assert.ts";

const CR = 13;
const MINUS = 45;
const ERROR_TYPE = 45;

/** The number in the header line that begins at `at`: `*3`, `$-1`, `:12`. */
export function headerNumber(buf: Buffer, at: number): number {
  let index = at + 1;
  const isNegative = buf[index] === MINUS;
  if (isNegative) index++;
  let value = 0;
  for (; buf[index] !== CR; index++) {
    assert(index < buf.length, "a header line ends");
    value = 10 * value + (buf[index] as number) - 48;
  }
  return isNegative ? -value : value;
}

/** Where the line that begins at `at` ends, behind its CR LF. */
export function lineEnd(buf: Buffer, at: number): number {
  const cr = buf.indexOf(CR, at);
  assert(cr >= 0, "a line ends");
  return cr + 2;
}

/** Where the reply that begins at `at` ends. */
export function replyEnd(buf: Buffer, at: number): number {
  let left = 1;
  let pos = at;
  while (left > 0) {
    left--;
    const type = String.fromCharCode(buf[pos] as number);
    const behind = lineEnd(buf, pos);
    if (type === "$" || type === "=") {
      const size = headerNumber(buf, pos);
      pos = size < 0 ? behind : behind + size + 2;
      continue;
    }
    if (type === "*" || type === "~" || type === ">") left += Math.max(0, headerNumber(buf, pos));
    if (type === "%") left += 2 * headerNumber(buf, pos);
    pos = behind;
  }
  return pos;
}

/** Whether the reply is an error. */
export function isErrorReply(buf: Buffer): boolean {
  return buf[0] === ERROR_TYPE;
}
