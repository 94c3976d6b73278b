/**
 * Splits a line of an inline command into arguments, with the quoting of redis-cli and redis.conf:
 * "double quotes" know \n \r \t \b \a \xHH and \anything, 'single quotes' know \' only; a closing quote must be
 * followed by a blank or the end. A NUL ends the line.
 */

import type { Argv } from "../base/argv.ts";

const BACKSLASH = 92;
const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const LOWER_X = 120;
const ESCAPES = new Map([
  [110, 10], // n
  [114, 13], // r
  [116, 9], // t
  [98, 8], // b
  [97, 7], // a
]);

/** Fills `into` with the arguments of `line`, in memory of its own. False where quotes are not balanced. */
export function splitInline(line: Buffer, into: Argv): boolean {
  const nul = line.indexOf(0);
  const end = nul < 0 ? line.length : nul;
  const out = Buffer.allocUnsafe(end);
  into.reset(out);
  let written = 0;
  let at = 0;
  for (;;) {
    while (at < end && isBlank(line[at] as number)) at++;
    if (at === end) return true;
    const start = written;
    while (at < end && !isBlank(line[at] as number)) {
      const byte = line[at] as number;
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) {
        out[written++] = byte;
        at++;
        continue;
      }
      const read = byte === DOUBLE_QUOTE ? readDouble : readSingle;
      const next = read({ line, at: at + 1, end }, out, written);
      if (next === undefined || (next.at < end && !isBlank(line[next.at] as number))) return false;
      at = next.at;
      written = next.written;
      break;
    }
    into.push(start, written);
  }
}

interface Cursor {
  readonly line: Buffer;
  readonly at: number;
  readonly end: number;
}

/** Reads behind an opening quote up to behind the closing one; undefined where there is none. */
function readDouble(from: Cursor, out: Buffer, start: number): { at: number; written: number } | undefined {
  const { line, end } = from;
  let written = start;
  for (let at = from.at; at < end; at++) {
    const byte = line[at] as number;
    if (byte === DOUBLE_QUOTE) return { at: at + 1, written };
    if (byte !== BACKSLASH || at + 1 === end) {
      out[written++] = byte;
      continue;
    }
    const hex = line[at + 1] === LOWER_X && at + 3 < end ? line.toString("latin1", at + 2, at + 4) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      out[written++] = Number.parseInt(hex, 16);
      at += 3;
    } else {
      const escaped = line[at + 1] as number;
      out[written++] = ESCAPES.get(escaped) ?? escaped;
      at++;
    }
  }
  return undefined;
}

function readSingle(from: Cursor, out: Buffer, start: number): { at: number; written: number } | undefined {
  const { line, end } = from;
  let written = start;
  for (let at = from.at; at < end; at++) {
    const byte = line[at] as number;
    if (byte === SINGLE_QUOTE) return { at: at + 1, written };
    if (byte === BACKSLASH && line[at + 1] === SINGLE_QUOTE && at + 1 < end) {
      out[written++] = SINGLE_QUOTE;
      at++;
    } else {
      out[written++] = byte;
    }
  }
  return undefined;
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
