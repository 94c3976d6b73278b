/**
 * Glob patterns as Redis matches them (KEYS, SCAN MATCH, CONFIG GET), on bytes:
 * `*` any run, `?` any byte, `[abc]`, `[^a-z]` a byte of a class, `\x` the byte x. A class without its `]` ends with
 * the pattern; a `\` at the end stands for itself. As in Redis, the empty text matches the empty pattern only.
 *
 * Every element but `*` takes exactly one byte, so it is enough to go back to the last `*`: the time is bounded by
 * pattern length × text length, where a recursive matcher takes exponential time for `a*a*a*…b`.
 */

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const CARET = 94;
const BACKSLASH = 92;
const DASH = 45;

/** A byte range; `Argv` arguments and Views are easily given as one. */
export interface ByteRange {
  readonly buf: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Whether `text` matches `pattern`. */
export function matchesGlob(pattern: ByteRange, text: ByteRange): boolean {
  const bytes = pattern.buf;
  const patternEnd = pattern.end;
  let at = pattern.start;
  let textAt = text.start;
  let afterStar = -1;
  let starText = 0;
  while (textAt < text.end) {
    if (at < patternEnd && bytes[at] === STAR) {
      while (at < patternEnd && bytes[at] === STAR) at++;
      if (at === patternEnd) return true;
      afterStar = at;
      starText = textAt;
      continue;
    }
    const next = at < patternEnd ? matchElement(bytes, at, patternEnd, text.buf[textAt] as number) : -1;
    if (next >= 0) {
      at = next;
      textAt++;
    } else if (afterStar >= 0) {
      at = afterStar;
      textAt = ++starText;
    } else return false;
  }
  if (text.end > text.start) while (at < patternEnd && bytes[at] === STAR) at++;
  return at === patternEnd;
}

/** Whether the whole text is matched by any pattern of only stars: KEYS * and SCAN without a real MATCH. */
export function matchesAll(pattern: ByteRange): boolean {
  return pattern.end - pattern.start === 1 && pattern.buf[pattern.start] === STAR;
}

/** Where the pattern goes on when its element at `start` (not a star) takes `byte`; -1 when it does not. */
function matchElement(pattern: Uint8Array, start: number, end: number, byte: number): number {
  const element = pattern[start] as number;
  if (element === QUESTION) return start + 1;
  if (element === OPEN) return matchClass(pattern, start + 1, end, byte);
  const literal = element === BACKSLASH && start + 1 < end ? start + 1 : start;
  return pattern[literal] === byte ? literal + 1 : -1;
}

function matchClass(pattern: Uint8Array, start: number, end: number, byte: number): number {
  let at = start;
  const isNegated = at < end && pattern[at] === CARET;
  if (isNegated) at++;
  let isMatch = false;
  while (at < end && pattern[at] !== CLOSE) {
    const first = pattern[at] as number;
    if (first === BACKSLASH && at + 1 < end) {
      if (pattern[at + 1] === byte) isMatch = true;
      at += 2;
    } else if (at + 2 < end && pattern[at + 1] === DASH) {
      const last = pattern[at + 2] as number;
      if (byte >= Math.min(first, last) && byte <= Math.max(first, last)) isMatch = true;
      at += 3;
    } else {
      if (first === byte) isMatch = true;
      at++;
    }
  }
  if (isMatch === isNegated) return -1;
  return Math.min(at + 1, end);
}
