/** DUMP and RESTORE: values as payloads that other tables and clusters take (datatypes/dump-format.ts). */

import type { Argv } from "../base/argv.ts";
import { present } from "../base/assert.ts";
import { DumpReader, DumpWriter } from "../datatypes/dump-format.ts";
import { isPast, MILLISECONDS, toAbsoluteMs, UNIX_MILLISECONDS } from "../datatypes/expiry.ts";
import { LiveRecord } from "../datatypes/record.ts";
import type { Transaction } from "../engine/transaction.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { valueDumpOf } from "./dump-values.ts";

const record = new LiveRecord();
const REPLACE = optionWord("REPLACE");
const ABSTTL = optionWord("ABSTTL");
const IDLETIME = optionWord("IDLETIME");
const FREQ = optionWord("FREQ");
const PAYLOAD_INDEX = 3;
const MAX_FREQUENCY = 255;

function executeDump({ argv, reply, tx }: DataContext): void {
  if (!record.findArgument(tx, argv, 1)) {
    reply.nil();
    return;
  }
  const writer = new DumpWriter(record.type);
  present(valueDumpOf(record.type), "a way to dump a stored type").dump(tx, argv, writer);
  reply.bulk(writer.finish());
}

interface RestoreOptions {
  isReplacing: boolean;
  isAbsolute: boolean;
}

/** Reads RESTORE's options; a text is the error. Idle time and frequency are checked and not kept. */
function readRestoreOptions(argv: Argv): RestoreOptions | string {
  const options = { isReplacing: false, isAbsolute: false };
  let hint = 0;
  for (let i = 4; i < argv.count; i++) {
    const hasMore = i + 1 < argv.count;
    if (isWord(argv, i, REPLACE)) options.isReplacing = true;
    else if (isWord(argv, i, ABSTTL)) options.isAbsolute = true;
    else if (hasMore && isWord(argv, i, IDLETIME) && hint !== 2) {
      const value = readInteger(argv, ++i);
      if (value === undefined) return ERRORS.notInteger;
      if (value < 0) return ERRORS.invalidIdleTime;
      hint = 1;
    } else if (hasMore && isWord(argv, i, FREQ) && hint !== 1) {
      const value = readInteger(argv, ++i);
      if (value === undefined) return ERRORS.notInteger;
      if (value < 0 || value > MAX_FREQUENCY) return ERRORS.invalidFrequency;
      hint = 2;
    } else return ERRORS.syntax;
  }
  return options;
}

function executeRestore({ argv, reply, tx }: DataContext): void {
  const options = readRestoreOptions(argv);
  if (typeof options === "string") {
    reply.error(options);
    return;
  }
  if (record.findArgument(tx, argv, 1) && !options.isReplacing) {
    reply.error(ERRORS.busyKey);
    return;
  }
  const ttl = readInteger(argv, 2);
  if (ttl === undefined || ttl < 0) {
    reply.error(ttl === undefined ? ERRORS.notInteger : ERRORS.invalidTtl);
    return;
  }
  const error = restore(tx, argv, { ttl, isAbsolute: options.isAbsolute });
  if (error === undefined) reply.ok();
  else reply.error(error);
}

interface RestoreTime {
  readonly ttl: number | bigint;
  readonly isAbsolute: boolean;
}

/** Makes the key of the payload; the error text where it is none. A time that has come leaves no key. */
function restore(tx: Transaction, argv: Argv, { ttl, isAbsolute }: RestoreTime): string | undefined {
  const reader = DumpReader.open(argv.buf, argv.start(PAYLOAD_INDEX), argv.end(PAYLOAD_INDEX));
  if (reader === undefined) return ERRORS.badDump;
  const value = valueDumpOf(reader.type);
  if (value === undefined || !value.isValid(reader)) return ERRORS.badDumpData;
  reader.rewind();
  const unit = isAbsolute ? UNIX_MILLISECONDS : MILLISECONDS;
  const expireAtMs = ttl === 0 ? 0 : (toAbsoluteMs(ttl, unit, tx.nowMs) ?? Number.MAX_SAFE_INTEGER);
  if (expireAtMs !== 0 && isPast(expireAtMs, tx.nowMs)) record.delete(tx);
  else value.restore(tx, argv, { reader, expireAtMs });
  return undefined;
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "generic",
  since: "2.6.0",
  complexity: "O(N) where N is the size of the value",
} as const;

export const dumpCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "dump",
    arity: 2,
    flags: ["readonly"],
    summary: "Returns the value of a key as a payload for RESTORE; not in Redis's own format.",
    execute: executeDump,
  },
  {
    ...COMMON,
    name: "restore",
    arity: -4,
    flags: ["write", "denyoom"],
    summary: "Makes a key of a payload that DUMP gave.",
    execute: executeRestore,
  },
];
