/**
 * The string commands that read or write one whole value: GET, SET and their kin.
 * GET and SET without options are the hottest commands of all: they make no strings, closures or objects.
 */

import { isPast, MILLISECONDS, SECONDS, type TimeUnit } from "../datatypes/expiry.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { stringSize, writeString } from "../datatypes/string.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { readExpireAt, SetOptions } from "./set-options.ts";
import { stringBatchCommands } from "./string-batches.ts";
import { stringCounterCommands } from "./string-counters.ts";
import { stringRangeCommands } from "./string-ranges.ts";
import { replyString } from "./string-reply.ts";

const record = new LiveRecord();
const options = new SetOptions();
const ONE_KEY = { kind: "range", first: 1, last: 1, step: 1 } as const;

function executeGet(context: DataContext): void {
  replyCurrent(context);
}

/** Looks up argument 1 and replies with its value, nil or WRONGTYPE. False after WRONGTYPE. */
function replyCurrent({ argv, reply, tx }: DataContext): boolean {
  if (!record.findArgument(tx, argv, 1)) {
    reply.nil();
    return true;
  }
  if (record.type !== RECORD_STRING) {
    reply.error(ERRORS.wrongType);
    return false;
  }
  replyString(tx, reply, record);
  return true;
}

function executeSet(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (argv.count > 3) {
    executeSetWithOptions(context);
    return;
  }
  record.findArgument(tx, argv, 1);
  record.expireAtMs = 0;
  writeString(tx, record, argv.buf, argv.start(2), argv.end(2));
  reply.ok();
}

function executeSetWithOptions(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (!options.readForSet(argv)) {
    reply.error(ERRORS.syntax);
    return;
  }
  let expireAtMs = 0;
  if (options.unit !== undefined) {
    const read = readExpireAt(argv, { index: options.amountIndex, unit: options.unit, name: "set" }, tx.nowMs);
    if (typeof read === "string") {
      reply.error(read);
      return;
    }
    expireAtMs = read;
  }
  if (options.get) {
    if (!replyCurrent(context)) return;
  } else record.findArgument(tx, argv, 1);
  if (record.exists ? options.nx : options.xx) {
    if (!options.get) reply.nil();
    return;
  }
  if (options.keepTtl) expireAtMs = record.expireAtMs;
  storeUntil(context, 2, expireAtMs);
  if (!options.get) reply.ok();
}

/** Stores argument `valueIndex` in the record looked up last; a time that has come (0: never) deletes it instead. */
function storeUntil({ argv, tx }: DataContext, valueIndex: number, expireAtMs: number): void {
  if (expireAtMs !== 0 && isPast(expireAtMs, tx.nowMs)) {
    record.delete(tx);
    return;
  }
  record.expireAtMs = expireAtMs;
  writeString(tx, record, argv.buf, argv.start(valueIndex), argv.end(valueIndex));
}

function executeSetnx(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (record.findArgument(tx, argv, 1)) {
    reply.integer(0);
    return;
  }
  storeUntil(context, 2, 0);
  reply.integer(1);
}

function executeSetex(context: DataContext): void {
  setWithTime(context, SECONDS, "setex");
}

function executePsetex(context: DataContext): void {
  setWithTime(context, MILLISECONDS, "psetex");
}

function setWithTime(context: DataContext, unit: TimeUnit, name: string): void {
  const { argv, reply, tx } = context;
  const expireAtMs = readExpireAt(argv, { index: 2, unit, name }, tx.nowMs);
  if (typeof expireAtMs === "string") {
    reply.error(expireAtMs);
    return;
  }
  record.findArgument(tx, argv, 1);
  storeUntil(context, 3, expireAtMs);
  reply.ok();
}

function executeGetset(context: DataContext): void {
  if (replyCurrent(context)) storeUntil(context, 2, 0);
}

function executeGetdel(context: DataContext): void {
  if (replyCurrent(context)) record.delete(context.tx);
}

function executeGetex({ argv, reply, tx }: DataContext): void {
  if (!options.readForGetex(argv)) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (!record.findArgument(tx, argv, 1)) {
    reply.nil();
    return;
  }
  if (record.type !== RECORD_STRING) {
    reply.error(ERRORS.wrongType);
    return;
  }
  let expireAtMs = record.expireAtMs;
  if (options.unit !== undefined) {
    const read = readExpireAt(argv, { index: options.amountIndex, unit: options.unit, name: "getex" }, tx.nowMs);
    if (typeof read === "string") {
      reply.error(read);
      return;
    }
    expireAtMs = read;
  } else if (options.persist) expireAtMs = 0;
  replyString(tx, reply, record);
  if (expireAtMs === record.expireAtMs) return;
  if (expireAtMs !== 0 && isPast(expireAtMs, tx.nowMs)) record.delete(tx);
  else record.writeExpiry(tx, expireAtMs);
}

function executeStrlen({ argv, reply, tx }: DataContext): void {
  if (!record.findArgument(tx, argv, 1)) reply.integer(0);
  else if (record.type !== RECORD_STRING) reply.error(ERRORS.wrongType);
  else reply.integer(stringSize(record));
}

const COMMON = { scope: "data", keys: ONE_KEY, group: "string", complexity: "O(1)" } as const;

const wholeValueCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "get",
    arity: 2,
    flags: ["readonly", "fast"],
    since: "1.0.0",
    summary: "Returns the string value of a key.",
    execute: executeGet,
  },
  {
    ...COMMON,
    name: "set",
    arity: -3,
    flags: ["write", "denyoom"],
    since: "1.0.0",
    summary: "Sets the string value of a key, whatever it held, with an expiry and conditions if wanted.",
    execute: executeSet,
  },
  {
    ...COMMON,
    name: "setnx",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    since: "1.0.0",
    summary: "Sets the string value of a key that does not exist.",
    execute: executeSetnx,
  },
  {
    ...COMMON,
    name: "setex",
    arity: 4,
    flags: ["write", "denyoom"],
    since: "2.0.0",
    summary: "Sets the string value and the time to live in seconds of a key.",
    execute: executeSetex,
  },
  {
    ...COMMON,
    name: "psetex",
    arity: 4,
    flags: ["write", "denyoom"],
    since: "2.6.0",
    summary: "Sets the string value and the time to live in milliseconds of a key.",
    execute: executePsetex,
  },
  {
    ...COMMON,
    name: "getset",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    since: "1.0.0",
    summary: "Sets the string value of a key and returns the one before.",
    execute: executeGetset,
  },
  {
    ...COMMON,
    name: "getex",
    arity: -2,
    flags: ["write", "fast"],
    since: "6.2.0",
    summary: "Returns the string value of a key and sets or removes its expiry.",
    execute: executeGetex,
  },
  {
    ...COMMON,
    name: "getdel",
    arity: 2,
    flags: ["write", "fast"],
    since: "6.2.0",
    summary: "Returns the string value of a key and deletes the key.",
    execute: executeGetdel,
  },
  {
    ...COMMON,
    name: "strlen",
    arity: 2,
    flags: ["readonly", "fast"],
    since: "2.2.0",
    summary: "Returns the length in bytes of the string value of a key.",
    execute: executeStrlen,
  },
];

/** The string family. */
export const stringCommands: readonly DataCommand[] = [
  ...wholeValueCommands,
  ...stringRangeCommands,
  ...stringCounterCommands,
  ...stringBatchCommands,
];
