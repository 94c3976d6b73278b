/**
 * The options of SET and GETEX and which of them exclude each other, as Redis reads them: from left to right, the
 * first that does not fit what came before is a syntax error. One object is reused, so that SET makes no garbage.
 */

import type { Argv } from "../base/argv.ts";
import {
  MILLISECONDS,
  SECONDS,
  type TimeUnit,
  toAbsoluteMs,
  UNIX_MILLISECONDS,
  UNIX_SECONDS,
} from "../datatypes/expiry.ts";
import { ERRORS, invalidExpireText } from "../resp/error-texts.ts";
import { isWord, optionWord, readInteger } from "./argument-reader.ts";

const EX = optionWord("EX");
const PX = optionWord("PX");
const EXAT = optionWord("EXAT");
const PXAT = optionWord("PXAT");
const NX = optionWord("NX");
const XX = optionWord("XX");
const GET = optionWord("GET");
const KEEPTTL = optionWord("KEEPTTL");
const PERSIST = optionWord("PERSIST");

export class SetOptions {
  nx = false;
  xx = false;
  get = false;
  keepTtl = false;
  persist = false;
  /** How the expiry is given; undefined without one. */
  unit: TimeUnit | undefined;
  /** The argument with the expiry's number. */
  amountIndex = 0;

  clear(): void {
    this.nx = this.xx = this.get = this.keepTtl = this.persist = false;
    this.unit = undefined;
  }

  /** Reads SET's options from argument 3 on. False: a syntax error. */
  readForSet(argv: Argv): boolean {
    this.clear();
    for (let i = 3; i < argv.count; i++) {
      if (isWord(argv, i, NX) && !this.xx) this.nx = true;
      else if (isWord(argv, i, XX) && !this.nx) this.xx = true;
      else if (isWord(argv, i, GET)) this.get = true;
      else if (isWord(argv, i, KEEPTTL) && this.unit === undefined) this.keepTtl = true;
      else if (!this.keepTtl && this.#readUnit(argv, i)) i++;
      else return false;
    }
    return true;
  }

  /** Reads GETEX's options from argument 2 on. False: a syntax error. */
  readForGetex(argv: Argv): boolean {
    this.clear();
    for (let i = 2; i < argv.count; i++) {
      if (isWord(argv, i, PERSIST) && this.unit === undefined) this.persist = true;
      else if (!this.persist && this.#readUnit(argv, i)) i++;
      else return false;
    }
    return true;
  }

  #readUnit(argv: Argv, index: number): boolean {
    if (index + 1 >= argv.count) return false;
    let unit: TimeUnit;
    if (isWord(argv, index, EX)) unit = SECONDS;
    else if (isWord(argv, index, PX)) unit = MILLISECONDS;
    else if (isWord(argv, index, EXAT)) unit = UNIX_SECONDS;
    else if (isWord(argv, index, PXAT)) unit = UNIX_MILLISECONDS;
    else return false;
    if (this.unit !== undefined && this.unit !== unit) return false;
    this.unit = unit;
    this.amountIndex = index + 1;
    return true;
  }
}

/** How a command gives an expiry that must be positive. */
export interface ExpiryArgument {
  readonly index: number;
  readonly unit: TimeUnit;
  /** The command's lower-case name, for its error. */
  readonly name: string;
}

/** The absolute time that an argument of SET, SETEX, PSETEX or GETEX says, or the error text. */
export function readExpireAt(argv: Argv, argument: ExpiryArgument, nowMs: number): number | string {
  const amount = readInteger(argv, argument.index);
  if (amount === undefined) return ERRORS.notInteger;
  const at = amount > 0 ? toAbsoluteMs(amount, argument.unit, nowMs) : undefined;
  return at ?? invalidExpireText(argument.name);
}
