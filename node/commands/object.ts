/**
 * OBJECT: what Redis would say of a value's insides. Encodings are computed from the value by Redis 7.0's default
 * thresholds, not remembered: a string that APPEND made long is `embstr` or `int` here where Redis keeps saying `raw`.
 * Reference counts and idle times are not kept: 1 and 0.
 */

import { LiveRecord } from "../datatypes/record.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { DataCommand, DataContext, SessionCommand } from "./command.ts";
import { describeEncoding } from "./encoding.ts";

const record = new LiveRecord();
const HELP = [
  "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "ENCODING <key>",
  "    Return the encoding that Redis would give the value of <key>.",
  "FREQ <key>",
  "    Return the access frequency of <key>; it is not tracked.",
  "IDLETIME <key>",
  "    Return the seconds since <key> was last used; they are not tracked.",
  "REFCOUNT <key>",
  "    Return the number of references to the value of <key>: always 1.",
  "HELP",
  "    Print this help.",
];

function executeEncoding({ argv, reply, tx }: DataContext): void {
  if (record.findArgument(tx, argv, 2)) reply.bulkText(describeEncoding(tx, argv, record));
  else reply.nil();
}

function executeRefcount({ argv, reply, tx }: DataContext): void {
  if (record.findArgument(tx, argv, 2)) reply.integer(1);
  else reply.nil();
}

function executeIdletime({ argv, reply, tx }: DataContext): void {
  if (record.findArgument(tx, argv, 2)) reply.integer(0);
  else reply.nil();
}

function executeFreq({ argv, reply, tx }: DataContext): void {
  if (record.findArgument(tx, argv, 2)) reply.error(ERRORS.noFrequency);
  else reply.nil();
}

/** What Redis's DEBUG OBJECT tells, as far as it means something here. */
function executeDebug({ argv, reply, tx }: DataContext): void {
  if (!record.findArgument(tx, argv, 2)) {
    reply.error(ERRORS.noSuchKey);
    return;
  }
  const sizeBytes = record.payloadSize;
  const encoding = describeEncoding(tx, argv, record);
  reply.simple(`Value at:0x0 refcount:1 encoding:${encoding} serializedlength:${sizeBytes} lru:0 lru_seconds_idle:0`);
}

const COMMON = {
  scope: "data",
  arity: 3,
  flags: ["readonly"],
  keys: { kind: "range", first: 2, last: 2, step: 1 },
  group: "generic",
  complexity: "O(1)",
} as const;

export const objectCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "object|encoding",
    since: "2.2.3",
    summary: "Returns the encoding that Redis would give a value.",
    execute: executeEncoding,
  },
  {
    ...COMMON,
    name: "object|refcount",
    since: "2.2.3",
    summary: "Returns 1, the number of references to a value.",
    execute: executeRefcount,
  },
  {
    ...COMMON,
    name: "object|idletime",
    since: "2.2.3",
    summary: "Returns 0: how long a value was not used is not tracked.",
    execute: executeIdletime,
  },
  {
    ...COMMON,
    name: "object|freq",
    since: "4.0.0",
    summary: "Answers that access frequencies are not tracked.",
    execute: executeFreq,
  },
  {
    ...COMMON,
    name: "debug|object",
    flags: ["readonly", "admin"],
    group: "server",
    since: "1.0.0",
    summary: "Describes how a value is kept.",
    execute: executeDebug,
  },
];

/** OBJECT HELP needs no data: it belongs to the commands of the session. */
export const objectHelpCommand: SessionCommand = {
  ...COMMON,
  scope: "session",
  name: "object|help",
  arity: 2,
  flags: ["loading", "stale"],
  keys: { kind: "none" },
  since: "6.2.0",
  summary: "Describes the subcommands of OBJECT.",
  execute: (_session, _argv, reply) => {
    reply.array(HELP.length);
    for (const line of HELP) reply.simple(line);
  },
};
