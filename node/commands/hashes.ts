/**
 * The hash commands that work on given fields. Those that visit a hash are in hash-readers.ts.
 * HGET, HSET and their kin work on the bytes where they lie: no strings, closures or objects are made.
 */

import { Hash } from "../datatypes/hash.ts";
import { addLongDoubles, formatLongDouble, parseLongDouble } from "../datatypes/long-double.ts";
import { ERRORS, wrongArityText } from "../resp/error-texts.ts";
import { narrowInteger, parseInteger, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { hashReaderCommands } from "./hash-readers.ts";

const hash = new Hash();

/** Opens the hash of argument 1, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext): boolean {
  if (hash.open(tx, argv, 1)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

function isFound({ argv }: DataContext, index: number): boolean {
  return hash.find(argv.buf, argv.start(index), argv.end(index));
}

/** Gives the field of argument `index` the value of the argument behind it. True where it is new. */
function putPair({ argv }: DataContext, index: number): boolean {
  return hash.put(argv.buf, argv.start(index), argv.end(index), argv.buf, argv.start(index + 1), argv.end(index + 1));
}

/** Puts all pairs from argument 2 on; the number of new fields, or -1 after an error reply. */
function putPairs(context: DataContext, name: string): number {
  const { argv, reply } = context;
  if (argv.count % 2 !== 0) {
    reply.error(wrongArityText(name));
    return -1;
  }
  if (!isOpened(context)) return -1;
  let added = 0;
  for (let i = 2; i < argv.count; i += 2) if (putPair(context, i)) added++;
  hash.close();
  return added;
}

function executeHset(context: DataContext): void {
  const added = putPairs(context, "hset");
  if (added >= 0) context.reply.integer(added);
}

function executeHmset(context: DataContext): void {
  if (putPairs(context, "hmset") >= 0) context.reply.ok();
}

function executeHsetnx(context: DataContext): void {
  if (!isOpened(context)) return;
  if (isFound(context, 2)) {
    context.reply.integer(0);
    return;
  }
  putPair(context, 2);
  hash.close();
  context.reply.integer(1);
}

function replyField(context: DataContext, index: number): void {
  if (isFound(context, index)) context.reply.bulk(hash.value.buf, hash.value.start, hash.value.end);
  else context.reply.nil();
}

function executeHget(context: DataContext): void {
  if (isOpened(context)) replyField(context, 2);
}

function executeHmget(context: DataContext): void {
  if (!isOpened(context)) return;
  const count = context.argv.count;
  context.reply.array(count - 2);
  for (let i = 2; i < count; i++) replyField(context, i);
}

function executeHdel(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  let removed = 0;
  for (let i = 2; i < argv.count && hash.count() > 0; i++) {
    if (hash.remove(argv.buf, argv.start(i), argv.end(i))) removed++;
  }
  hash.close();
  reply.integer(removed);
}

function executeHlen(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(hash.count());
}

function executeHexists(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(isFound(context, 2) ? 1 : 0);
}

function executeHstrlen(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(isFound(context, 2) ? hash.value.end - hash.value.start : 0);
}

function executeHincrby(context: DataContext): void {
  const { argv, reply } = context;
  const amount = readInteger(argv, 3);
  if (amount === undefined) {
    reply.error(ERRORS.notInteger);
    return;
  }
  if (!isOpened(context)) return;
  const { value } = hash;
  const current = isFound(context, 2) ? parseInteger(value.buf, value.start, value.end) : 0;
  if (current === undefined) {
    reply.error(ERRORS.hashNotInteger);
    return;
  }
  const sum = addIntegers(current, amount);
  if (sum === undefined) {
    reply.error(ERRORS.incrementOverflow);
    return;
  }
  putText(context, String(sum));
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

function executeHincrbyfloat(context: DataContext): void {
  const { argv, reply } = context;
  const amount = parseLongDouble(argv.text(3));
  if (amount === undefined) {
    reply.error(ERRORS.notFloat);
    return;
  }
  if (!Number.isFinite(amount.exponent)) {
    reply.error(ERRORS.floatNotFinite);
    return;
  }
  if (!isOpened(context)) return;
  const { value } = hash;
  const current = isFound(context, 2) ? value.buf.toString("latin1", value.start, value.end) : "0";
  const parsed = parseLongDouble(current);
  if (parsed === undefined) {
    reply.error(ERRORS.hashNotFloat);
    return;
  }
  const sum = addLongDoubles(parsed, amount);
  if (sum === undefined) {
    reply.error(ERRORS.incrementNotFinite);
    return;
  }
  const text = formatLongDouble(sum);
  putText(context, text);
  reply.bulkText(text);
}

/** Gives the field of argument 2 a text as its value, and stores the hash. */
function putText({ argv }: DataContext, text: string): void {
  const bytes = Buffer.from(text, "latin1");
  hash.put(argv.buf, argv.start(2), argv.end(2), bytes, 0, bytes.length);
  hash.close();
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "hash",
} as const;
const WRITE = { ...COMMON, flags: ["write", "denyoom", "fast"] } as const;
const READ = { ...COMMON, flags: ["readonly", "fast"] } as const;

export const hashCommands: readonly DataCommand[] = [
  {
    ...WRITE,
    name: "hset",
    arity: -4,
    since: "2.0.0",
    summary: "Gives fields of a hash their values; answers how many are new.",
    complexity: "O(N) where N is the number of pairs",
    execute: executeHset,
  },
  {
    ...WRITE,
    name: "hmset",
    arity: -4,
    since: "2.0.0",
    summary: "Gives fields of a hash their values.",
    complexity: "O(N) where N is the number of pairs",
    execute: executeHmset,
  },
  {
    ...WRITE,
    name: "hsetnx",
    arity: 4,
    since: "2.0.0",
    summary: "Gives a field a value unless it has one.",
    complexity: "O(1)",
    execute: executeHsetnx,
  },
  {
    ...READ,
    name: "hget",
    arity: 3,
    since: "2.0.0",
    summary: "Reads a field's value.",
    complexity: "O(1)",
    execute: executeHget,
  },
  {
    ...READ,
    name: "hmget",
    arity: -3,
    since: "2.0.0",
    summary: "Reads the values of several fields.",
    complexity: "O(N) where N is the number of fields",
    execute: executeHmget,
  },
  {
    ...COMMON,
    flags: ["write", "fast"],
    name: "hdel",
    arity: -3,
    since: "2.0.0",
    summary: "Removes fields; answers how many there were.",
    complexity: "O(N) where N is the number of fields",
    execute: executeHdel,
  },
  {
    ...READ,
    name: "hlen",
    arity: 2,
    since: "2.0.0",
    summary: "Counts the fields of a hash.",
    complexity: "O(1)",
    execute: executeHlen,
  },
  {
    ...READ,
    name: "hexists",
    arity: 3,
    since: "2.0.0",
    summary: "Tells whether a field is there.",
    complexity: "O(1)",
    execute: executeHexists,
  },
  {
    ...READ,
    name: "hstrlen",
    arity: 3,
    since: "3.2.0",
    summary: "The length of a field's value in bytes.",
    complexity: "O(1)",
    execute: executeHstrlen,
  },
  {
    ...WRITE,
    name: "hincrby",
    arity: 4,
    since: "2.0.0",
    summary: "Adds to the integer in a field; 0 where it does not exist.",
    complexity: "O(1)",
    execute: executeHincrby,
  },
  {
    ...WRITE,
    name: "hincrbyfloat",
    arity: 4,
    since: "2.6.0",
    summary: "Adds to the decimal number in a field; 0 where it does not exist.",
    complexity: "O(1)",
    execute: executeHincrbyfloat,
  },
  ...hashReaderCommands,
];
