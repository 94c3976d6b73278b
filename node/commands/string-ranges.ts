/** The string commands that read or write a part of a value: APPEND, GETRANGE (and its old name SUBSTR), SETRANGE. */

import { LiveRecord } from "../datatypes/record.ts";
import { appendToString, MAX_STRING_BYTES, overwriteString, stringSize } from "../datatypes/string.ts";
import { RECORD_STRING } from "../engine/record-format.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { readClampedInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { replyStringRange } from "./string-reply.ts";

const record = new LiveRecord();
const ONE_KEY = { kind: "range", first: 1, last: 1, step: 1 } as const;
const EMPTY = Buffer.alloc(0);

function executeAppend({ argv, reply, tx }: DataContext): void {
  if (record.findArgument(tx, argv, 1) && record.type !== RECORD_STRING) {
    reply.error(ERRORS.wrongType);
    return;
  }
  const added = argv.lengthOf(2);
  const sizeBefore = record.exists ? stringSize(record) : 0;
  if (record.exists && sizeBefore + added > MAX_STRING_BYTES) {
    reply.error(ERRORS.stringTooLong);
    return;
  }
  appendToString(tx, record, argv.buf, argv.start(2), argv.end(2));
  reply.integer(sizeBefore + added);
}

function executeGetrange({ argv, reply, tx }: DataContext): void {
  const first = readClampedInteger(argv, 2);
  const last = readClampedInteger(argv, 3);
  if (first === undefined || last === undefined) {
    reply.error(ERRORS.notInteger);
    return;
  }
  if (!record.findArgument(tx, argv, 1)) {
    reply.bulk(EMPTY);
    return;
  }
  if (record.type !== RECORD_STRING) {
    reply.error(ERRORS.wrongType);
    return;
  }
  const size = stringSize(record);
  const isReversed = first < 0 && last < 0 && first > last;
  const start = Math.max(0, first < 0 ? size + first : first);
  const end = Math.min(size, Math.max(0, last < 0 ? size + last : last) + 1);
  if (isReversed || start >= end) reply.bulk(EMPTY);
  else replyStringRange(tx, reply, { record, start, end });
}

function executeSetrange({ argv, reply, tx }: DataContext): void {
  const offset = readClampedInteger(argv, 2);
  if (offset === undefined || offset < 0) {
    reply.error(offset === undefined ? ERRORS.notInteger : ERRORS.offsetOutOfRange);
    return;
  }
  if (record.findArgument(tx, argv, 1) && record.type !== RECORD_STRING) {
    reply.error(ERRORS.wrongType);
    return;
  }
  const added = argv.lengthOf(3);
  if (added === 0) {
    reply.integer(record.exists ? stringSize(record) : 0);
    return;
  }
  if (offset + added > MAX_STRING_BYTES) {
    reply.error(ERRORS.stringTooLong);
    return;
  }
  reply.integer(overwriteString(tx, record, { offset, buf: argv.buf, start: argv.start(3), end: argv.end(3) }));
}

const COMMON = { scope: "data", keys: ONE_KEY, group: "string" } as const;

export const stringRangeCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "append",
    arity: 3,
    flags: ["write", "denyoom", "fast"],
    since: "2.0.0",
    summary: "Appends to the string value of a key; creates the key if it does not exist.",
    complexity: "O(1) and the length of what is appended",
    execute: executeAppend,
  },
  {
    ...COMMON,
    name: "getrange",
    arity: 4,
    flags: ["readonly"],
    since: "2.4.0",
    summary: "Returns a part of the string value of a key.",
    complexity: "O(N) where N is the length of the part",
    execute: executeGetrange,
  },
  {
    ...COMMON,
    name: "substr",
    arity: 4,
    flags: ["readonly"],
    since: "1.0.0",
    summary: "Returns a part of the string value of a key; the old name of GETRANGE.",
    complexity: "O(N) where N is the length of the part",
    execute: executeGetrange,
  },
  {
    ...COMMON,
    name: "setrange",
    arity: 4,
    flags: ["write", "denyoom"],
    since: "2.2.0",
    summary: "Overwrites a part of the string value of a key; fills a gap with zero bytes.",
    complexity: "O(M) where M is the length of the part",
    execute: executeSetrange,
  },
];
