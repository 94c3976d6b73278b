/**
 * MEMORY USAGE: about what a key and its value take. Values are on disk, and in memory only while they are cached:
 * so this is their size in bytes as they are stored, not what a copy of Redis's structures would take.
 */

import { LiveRecord } from "../datatypes/record.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord, parseInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext, SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";

const record = new LiveRecord();
const SAMPLES = optionWord("SAMPLES");

function executeUsage({ argv, reply, tx }: DataContext): void {
  for (let i = 3; i < argv.count; i += 2) {
    if (!isWord(argv, i, SAMPLES) || i + 1 === argv.count) {
      reply.error(ERRORS.syntax);
      return;
    }
    // Nothing is sampled, the sizes are kept: the number is only checked.
    const count = parseInteger(argv.buf, argv.start(i + 1), argv.end(i + 1));
    if (count === undefined || count < 0) {
      reply.error(count === undefined ? ERRORS.notInteger : ERRORS.syntax);
      return;
    }
  }
  if (record.findArgument(tx, argv, 2)) reply.integer(record.storedBytes);
  else reply.nil();
}

const COMMON = { group: "server", complexity: "O(1)", since: "4.0.0" } as const;

export const memoryCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    scope: "data",
    name: "memory|usage",
    arity: -3,
    flags: ["readonly"],
    keys: { kind: "range", first: 2, last: 2, step: 1 },
    summary: "Returns about how many bytes a key and its value take.",
    execute: executeUsage,
  },
];

/** MEMORY HELP needs no data: it belongs to the commands of the session. */
export const memoryHelpCommand: SessionCommand = {
  ...COMMON,
  scope: "session",
  name: "memory|help",
  arity: 2,
  flags: ["loading", "stale"],
  keys: { kind: "none" },
  summary: "Describes the subcommands of MEMORY.",
  execute: (_session, _argv, reply) =>
    replyHelp(reply, "MEMORY", [["USAGE <key> [SAMPLES <count>]", "About the bytes that a key and its value take."]]),
};
