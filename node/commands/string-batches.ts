/** The string commands over several keys: MGET, MSET, MSETNX. The first two are split when their slots differ. */

import type { Argv } from "../base/argv.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { writeString } from "../datatypes/string.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import { wrongArityText } from "../resp/error-texts.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { replyString } from "./string-reply.ts";

const record = new LiveRecord();

function executeMget({ argv, reply, tx }: DataContext): void {
  reply.array(argv.count - 1);
  for (let i = 1; i < argv.count; i++) {
    if (record.findArgument(tx, argv, i) && record.type === RECORD_STRING) replyString(tx, reply, record);
    else reply.nil();
  }
}

function executeMset({ argv, reply, tx }: DataContext): void {
  if (argv.count % 2 === 0) {
    reply.error(wrongArityText("mset"));
    return;
  }
  storePairs(tx, argv);
  reply.ok();
}

function executeMsetnx({ argv, reply, tx }: DataContext): void {
  if (argv.count % 2 === 0) {
    reply.error(wrongArityText("msetnx"));
    return;
  }
  for (let i = 1; i < argv.count; i += 2) {
    if (record.findArgument(tx, argv, i)) {
      reply.integer(0);
      return;
    }
  }
  storePairs(tx, argv);
  reply.integer(1);
}

function storePairs(tx: Transaction, argv: Argv): void {
  for (let i = 1; i < argv.count; i += 2) {
    record.findArgument(tx, argv, i);
    record.expireAtMs = 0;
    writeString(tx, record, argv.buf, argv.start(i + 1), argv.end(i + 1));
  }
}

const PAIRS = { kind: "range", first: 1, last: -1, step: 2 } as const;
const COMMON = { scope: "data", group: "string", complexity: "O(N) where N is the number of keys" } as const;

export const stringBatchCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "mget",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: { kind: "range", first: 1, last: -1, step: 1 },
    fanOut: { over: "keys", join: "array" },
    since: "1.0.0",
    summary: "Returns the string values of several keys.",
    execute: executeMget,
  },
  {
    ...COMMON,
    name: "mset",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: PAIRS,
    fanOut: { over: "keys", join: "ok" },
    since: "1.0.1",
    summary: "Sets the string values of several keys.",
    execute: executeMset,
  },
  {
    ...COMMON,
    name: "msetnx",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: PAIRS,
    since: "1.0.1",
    summary: "Sets the string values of several keys if none of them exists.",
    execute: executeMsetnx,
  },
];
