/** The options that SCAN, HSCAN, SSCAN and ZSCAN share: MATCH and COUNT; TYPE for SCAN alone. And their cursors. */

import type { Argv } from "../base/argv.ts";
import { type ByteRange, matchesAll } from "../datatypes/glob.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord, readClampedInteger } from "./argument-reader.ts";
import { typeNamed } from "./type-name.ts";

const MATCH = optionWord("MATCH");
const COUNT = optionWord("COUNT");
const TYPE = optionWord("TYPE");
/** How many elements a call looks at when the client does not say. */
const DEFAULT_COUNT = 10;
const CURSOR = /^\d{1,20}$/;

export interface ScanOptions {
  /** How many elements to look at, from 1 on. */
  readonly count: number;
  /** Undefined where everything matches. */
  readonly pattern: ByteRange | undefined;
  /** The only type wanted: a record type, 0 for one that no value has; undefined for all. */
  readonly type: number | undefined;
}

export interface ScanSyntax {
  /** The first argument that may be an option. */
  readonly from: number;
  readonly allowsType: boolean;
}

/** Reads the options; a text is the error. The pattern lies in the arguments' buffer. */
export function readScanOptions(argv: Argv, syntax: ScanSyntax): ScanOptions | string {
  let count = DEFAULT_COUNT;
  let pattern: ByteRange | undefined;
  let type: number | undefined;
  for (let i = syntax.from; i < argv.count; i += 2) {
    if (i + 1 >= argv.count) return ERRORS.syntax;
    if (isWord(argv, i, COUNT)) {
      const value = readClampedInteger(argv, i + 1);
      if (value === undefined) return ERRORS.notInteger;
      if (value < 1) return ERRORS.syntax;
      count = value;
    } else if (isWord(argv, i, MATCH)) {
      const range = { buf: argv.buf, start: argv.start(i + 1), end: argv.end(i + 1) };
      pattern = matchesAll(range) ? undefined : range;
    } else if (syntax.allowsType && isWord(argv, i, TYPE)) type = typeNamed(argv.text(i + 1));
    else return ERRORS.syntax;
  }
  return { count, pattern, type };
}

/** The cursor at argument `index`; undefined where it is none. One that was never given out is a number like any. */
export function readCursor(argv: Argv, index: number): number | undefined {
  const text = argv.text(index);
  if (!CURSOR.test(text) || BigInt(text) >= 2n ** 64n) return undefined;
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}
