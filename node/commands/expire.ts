/** The commands that set, ask and remove expiry times. A time that has come deletes the key, as in Redis. */

import type { Argv } from "../base/argv.ts";
import {
  type ExpireCondition,
  isPast,
  MILLISECONDS,
  mayExpireAt,
  remainingMs,
  SECONDS,
  type TimeUnit,
  toAbsoluteMs,
  toSeconds,
  UNIX_MILLISECONDS,
  UNIX_SECONDS,
} from "../datatypes/expiry.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { ERRORS, invalidExpireText, unsupportedOptionText } from "../resp/error-texts.ts";
import { isWord, optionWord, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";

const record = new LiveRecord();
const NX = optionWord("NX");
const XX = optionWord("XX");
const GT = optionWord("GT");
const LT = optionWord("LT");
const NO_CONDITION: ExpireCondition = { nx: false, xx: false, gt: false, lt: false };

const NO_KEY = -2;
const NO_EXPIRY = -1;

/** Reads NX XX GT LT from argument 3 on; a text is the error. */
function readCondition(argv: Argv): ExpireCondition | string {
  if (argv.count === 3) return NO_CONDITION;
  const condition = { nx: false, xx: false, gt: false, lt: false };
  for (let i = 3; i < argv.count; i++) {
    if (isWord(argv, i, NX)) condition.nx = true;
    else if (isWord(argv, i, XX)) condition.xx = true;
    else if (isWord(argv, i, GT)) condition.gt = true;
    else if (isWord(argv, i, LT)) condition.lt = true;
    else return unsupportedOptionText(argv.text(i));
  }
  if (condition.nx && (condition.xx || condition.gt || condition.lt)) return ERRORS.expireNxWithOthers;
  if (condition.gt && condition.lt) return ERRORS.expireGtWithLt;
  return condition;
}

function makeExpire(name: string, unit: TimeUnit): (context: DataContext) => void {
  return ({ argv, reply, tx }) => {
    const condition = readCondition(argv);
    if (typeof condition === "string") {
      reply.error(condition);
      return;
    }
    const amount = readInteger(argv, 2);
    const wantedMs = amount === undefined ? undefined : toAbsoluteMs(amount, unit, tx.nowMs);
    if (wantedMs === undefined) {
      reply.error(amount === undefined ? ERRORS.notInteger : invalidExpireText(name));
      return;
    }
    if (!record.findArgument(tx, argv, 1) || !mayExpireAt(condition, record.expireAtMs, wantedMs)) {
      reply.integer(0);
      return;
    }
    if (isPast(wantedMs, tx.nowMs)) record.delete(tx);
    else record.writeExpiry(tx, wantedMs);
    reply.integer(1);
  };
}

/** A command that answers about the expiry: `describe` gets the absolute time and now. */
function makeQuery(describe: (expireAtMs: number, nowMs: number) => number): (context: DataContext) => void {
  return ({ argv, reply, tx }) => {
    if (!record.findArgument(tx, argv, 1)) reply.integer(NO_KEY);
    else if (record.expireAtMs === 0) reply.integer(NO_EXPIRY);
    else reply.integer(describe(record.expireAtMs, tx.nowMs));
  };
}

function executePersist({ argv, reply, tx }: DataContext): void {
  if (!record.findArgument(tx, argv, 1) || record.expireAtMs === 0) {
    reply.integer(0);
    return;
  }
  record.writeExpiry(tx, 0);
  reply.integer(1);
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "generic",
  complexity: "O(1)",
} as const;
const SETTER = { ...COMMON, arity: -3, flags: ["write", "fast"] } as const;
const QUERY = { ...COMMON, arity: 2, flags: ["readonly", "fast"] } as const;

export const expireCommands: readonly DataCommand[] = [
  {
    ...SETTER,
    name: "expire",
    since: "1.0.0",
    summary: "Sets the time to live of a key in seconds.",
    execute: makeExpire("expire", SECONDS),
  },
  {
    ...SETTER,
    name: "pexpire",
    since: "2.6.0",
    summary: "Sets the time to live of a key in milliseconds.",
    execute: makeExpire("pexpire", MILLISECONDS),
  },
  {
    ...SETTER,
    name: "expireat",
    since: "1.2.0",
    summary: "Sets the time at which a key expires, in seconds since 1970.",
    execute: makeExpire("expireat", UNIX_SECONDS),
  },
  {
    ...SETTER,
    name: "pexpireat",
    since: "2.6.0",
    summary: "Sets the time at which a key expires, in milliseconds since 1970.",
    execute: makeExpire("pexpireat", UNIX_MILLISECONDS),
  },
  {
    ...QUERY,
    name: "ttl",
    since: "1.0.0",
    summary: "Returns the time to live of a key in seconds.",
    execute: makeQuery((expireAtMs, nowMs) => toSeconds(remainingMs(expireAtMs, nowMs))),
  },
  {
    ...QUERY,
    name: "pttl",
    since: "2.6.0",
    summary: "Returns the time to live of a key in milliseconds.",
    execute: makeQuery(remainingMs),
  },
  {
    ...QUERY,
    name: "expiretime",
    since: "7.0.0",
    summary: "Returns the time at which a key expires, in seconds since 1970.",
    execute: makeQuery(toSeconds),
  },
  {
    ...QUERY,
    name: "pexpiretime",
    since: "7.0.0",
    summary: "Returns the time at which a key expires, in milliseconds since 1970.",
    execute: makeQuery((expireAtMs) => expireAtMs),
  },
  {
    ...COMMON,
    name: "persist",
    arity: 2,
    flags: ["write", "fast"],
    since: "2.2.0",
    summary: "Removes the expiry of a key.",
    execute: executePersist,
  },
];
