/**
 * The string commands that count: INCR, DECR, INCRBY, DECRBY in 64-bit integers, INCRBYFLOAT in long doubles.
 * The expiry of the key stays. Results are plain decimal strings, as SET would have stored them.
 */

import { assert } from "../base/assert.ts";
import { addLongDoubles, formatLongDouble, parseLongDouble } from "../datatypes/long-double.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { Scratch } from "../datatypes/scratch.ts";
import { stringSize } from "../datatypes/string.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { narrowInteger, parseInteger, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";

const record = new LiveRecord();
const scratch = new Scratch();
const ONE_KEY = { kind: "range", first: 1, last: 1, step: 1 } as const;
const MAX_DIGITS = 20;
/** Redis reads no longer text as a float. */
const MAX_FLOAT_BYTES = 5 * 1024;

function executeIncr(context: DataContext): void {
  add(context, 1);
}

function executeDecr(context: DataContext): void {
  add(context, -1);
}

function executeIncrby(context: DataContext): void {
  const amount = readInteger(context.argv, 2);
  if (amount === undefined) context.reply.error(ERRORS.notInteger);
  else add(context, amount);
}

function executeDecrby(context: DataContext): void {
  const amount = readInteger(context.argv, 2);
  if (amount === undefined) {
    context.reply.error(ERRORS.notInteger);
    return;
  }
  const negated = typeof amount === "number" ? 0 - amount : narrowInteger(-amount);
  if (negated === undefined) context.reply.error(ERRORS.decrementOverflow);
  else add(context, negated);
}

/** Adds to the integer at argument 1 and replies with the sum. */
function add({ argv, reply, tx }: DataContext, amount: number | bigint): void {
  let value: number | bigint | undefined = 0;
  if (record.findArgument(tx, argv, 1)) {
    if (record.type !== RECORD_STRING) {
      reply.error(ERRORS.wrongType);
      return;
    }
    value = record.isTree ? undefined : parseInteger(record.buf, record.payloadStart, record.payloadEnd);
    if (value === undefined) {
      reply.error(ERRORS.notInteger);
      return;
    }
  }
  const sum = addIntegers(value, amount);
  if (sum === undefined) {
    reply.error(ERRORS.incrementOverflow);
    return;
  }
  writeInteger(tx, sum);
  reply.integer(sum);
}

/** The sum of two 64-bit integers; undefined where it overflows. */
function addIntegers(one: number | bigint, other: number | bigint): number | bigint | undefined {
  if (typeof one === "number" && typeof other === "number") {
    const sum = one + other;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return narrowInteger(BigInt(one) + BigInt(other));
}

function writeInteger(tx: Transaction, value: number | bigint): void {
  const end = scratch.take(MAX_DIGITS) + MAX_DIGITS;
  const buf = scratch.buf;
  let at = end;
  if (typeof value === "number") {
    let rest = Math.abs(value);
    do {
      const next = Math.floor(rest / 10);
      buf[--at] = 48 + (rest - 10 * next);
      rest = next;
    } while (rest > 0);
    if (value < 0) buf[--at] = 45;
  } else {
    const text = value.toString();
    at = end - text.length;
    buf.write(text, at, "latin1");
  }
  record.write(tx, RECORD_STRING, buf, at, end);
}

function executeIncrbyfloat({ argv, reply, tx }: DataContext): void {
  let current = "0";
  if (record.findArgument(tx, argv, 1)) {
    if (record.type !== RECORD_STRING) {
      reply.error(ERRORS.wrongType);
      return;
    }
    const isShort = !record.isTree && stringSize(record) < MAX_FLOAT_BYTES;
    current = isShort ? record.buf.toString("latin1", record.payloadStart, record.payloadEnd) : "";
  }
  const value = parseLongDouble(current);
  const amount = argv.lengthOf(2) < MAX_FLOAT_BYTES ? parseLongDouble(argv.text(2)) : undefined;
  if (value === undefined || amount === undefined) {
    reply.error(ERRORS.notFloat);
    return;
  }
  const sum = addLongDoubles(value, amount);
  if (sum === undefined) {
    reply.error(ERRORS.incrementNotFinite);
    return;
  }
  const text = Buffer.from(formatLongDouble(sum), "latin1");
  assert(text.length <= MAX_FLOAT_BYTES, "a float's text is an inline string");
  record.replace(tx, RECORD_STRING, text, 0, text.length);
  reply.bulk(text);
}

const COMMON = {
  scope: "data",
  keys: ONE_KEY,
  group: "string",
  flags: ["write", "denyoom", "fast"],
  complexity: "O(1)",
} as const;

export const stringCounterCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "incr",
    arity: 2,
    since: "1.0.0",
    summary: "Adds one to the integer at a key; 0 where it does not exist.",
    execute: executeIncr,
  },
  {
    ...COMMON,
    name: "decr",
    arity: 2,
    since: "1.0.0",
    summary: "Subtracts one from the integer at a key; 0 where it does not exist.",
    execute: executeDecr,
  },
  {
    ...COMMON,
    name: "incrby",
    arity: 3,
    since: "1.0.0",
    summary: "Adds a number to the integer at a key; 0 where it does not exist.",
    execute: executeIncrby,
  },
  {
    ...COMMON,
    name: "decrby",
    arity: 3,
    since: "1.0.0",
    summary: "Subtracts a number from the integer at a key; 0 where it does not exist.",
    execute: executeDecrby,
  },
  {
    ...COMMON,
    name: "incrbyfloat",
    arity: 3,
    since: "2.6.0",
    summary: "Adds a floating point number to the number at a key; 0 where it does not exist.",
    execute: executeIncrbyfloat,
  },
];
