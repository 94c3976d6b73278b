/** RENAME, RENAMENX and COPY: a value goes to another key of the same slot, its expiry with it. */

import type { Argv } from "../base/argv.ts";
import { copyValue, moveValue } from "../datatypes/move-value.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isSameArgument, isWord, optionWord, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";

const source = new LiveRecord();
const target = new LiveRecord();
const DB = optionWord("DB");
const REPLACE = optionWord("REPLACE");

function executeRename({ argv, reply, tx }: DataContext): void {
  if (!source.findArgument(tx, argv, 1)) {
    reply.error(ERRORS.noSuchKey);
    return;
  }
  if (!isSameArgument(argv, 1, 2)) {
    target.findArgument(tx, argv, 2);
    moveValue(tx, source, target);
  }
  reply.ok();
}

function executeRenamenx({ argv, reply, tx }: DataContext): void {
  if (!source.findArgument(tx, argv, 1)) {
    reply.error(ERRORS.noSuchKey);
    return;
  }
  if (isSameArgument(argv, 1, 2) || target.findArgument(tx, argv, 2)) {
    reply.integer(0);
    return;
  }
  moveValue(tx, source, target);
  reply.integer(1);
}

/** Reads COPY's options: whether to replace, or the error text. A table has database 0 alone. */
function readCopyOptions(argv: Argv): boolean | string {
  let isReplacing = false;
  for (let i = 3; i < argv.count; i++) {
    if (isWord(argv, i, REPLACE)) isReplacing = true;
    else if (isWord(argv, i, DB) && i + 1 < argv.count) {
      const database = readInteger(argv, ++i);
      if (database === undefined) return ERRORS.notInteger;
      if (database !== 0) return ERRORS.invalidDatabase;
    } else return ERRORS.syntax;
  }
  return isReplacing;
}

function executeCopy({ argv, reply, tx }: DataContext): void {
  const isReplacing = readCopyOptions(argv);
  if (typeof isReplacing === "string") {
    reply.error(isReplacing);
    return;
  }
  if (isSameArgument(argv, 1, 2)) {
    reply.error(ERRORS.sameObject);
    return;
  }
  if (!source.findArgument(tx, argv, 1) || (target.findArgument(tx, argv, 2) && !isReplacing)) {
    reply.integer(0);
    return;
  }
  copyValue(tx, source, target);
  reply.integer(1);
}

const COMMON = { scope: "data", keys: { kind: "range", first: 1, last: 2, step: 1 }, group: "generic" } as const;

export const renameCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "rename",
    arity: 3,
    flags: ["write"],
    since: "1.0.0",
    summary: "Gives a key another name; what had that name is deleted.",
    complexity: "O(1)",
    execute: executeRename,
  },
  {
    ...COMMON,
    name: "renamenx",
    arity: 3,
    flags: ["write", "fast"],
    since: "1.0.0",
    summary: "Gives a key another name that no key has.",
    complexity: "O(1)",
    execute: executeRenamenx,
  },
  {
    ...COMMON,
    name: "copy",
    arity: -3,
    flags: ["write", "denyoom"],
    since: "6.2.0",
    summary: "Copies the value of a key to another key.",
    complexity: "O(N) where N is the size of the value",
    execute: executeCopy,
  },
];
