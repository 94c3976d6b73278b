/**
 * MEMORY USAGE: what a key takes, estimated from its record and the sizes that its trees' descriptors tell
 * (docs/formats/keys.md); nothing is sampled, nothing is read but the record. The other subcommands of MEMORY tell of
 * Redis's allocator and are not known here: INFO memory and /metrics say what a node takes.
 * Source: redis.io/docs/latest/commands/memory-usage.
 */

import { readU32, readU48 } from "../base/bytes.ts";
import { LiveRecord } from "../datatypes/record.ts";
import { DESCRIPTOR_BYTES } from "../engine/tree-pages.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { DataCommand, DataContext, SessionCommand } from "./command.ts";
import { replyHelp } from "./help-reply.ts";

/** Of a record or a page in the cache: its header, and its place in the index. */
const ENTRY_BYTES = 48;
/** Where a descriptor tells the next page number, and the bytes of its elements. */
const NEXT_PAGE_OFFSET = 12;
const SIZE_OFFSET = 26;

const record = new LiveRecord();

function executeUsage({ argv, reply, tx }: DataContext): void {
  if (argv.count !== 3 && !(argv.count === 5 && argv.text(3).toLowerCase() === "samples")) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (argv.count === 5 && !/^\d{1,9}$/.test(argv.text(4))) {
    reply.error(/^-\d{1,9}$/.test(argv.text(4)) ? ERRORS.syntax : ERRORS.notInteger);
    return;
  }
  if (!record.findArgument(tx, argv, 2)) {
    reply.nil();
    return;
  }
  let sizeBytes = ENTRY_BYTES + argv.lengthOf(2) + record.payloadSize;
  if (record.isTree) {
    const { buf, payloadStart, payloadEnd } = record;
    for (let at = payloadStart; at + DESCRIPTOR_BYTES <= payloadEnd; at += DESCRIPTOR_BYTES) {
      sizeBytes += readU48(buf, at + SIZE_OFFSET) + ENTRY_BYTES * (readU32(buf, at + NEXT_PAGE_OFFSET) - 1);
    }
  }
  reply.integer(sizeBytes);
}

export const memoryUsageCommand: DataCommand = {
  scope: "data",
  name: "memory|usage",
  arity: -3,
  flags: ["readonly"],
  keys: { kind: "range", first: 2, last: 2, step: 1 },
  group: "server",
  since: "4.0.0",
  complexity: "O(1)",
  summary: "Estimates the bytes that a key and its value take.",
  execute: executeUsage,
};

export const memoryHelpCommand: SessionCommand = {
  scope: "session",
  name: "memory|help",
  arity: 2,
  flags: ["loading", "stale"],
  keys: { kind: "none" },
  group: "server",
  since: "4.0.0",
  complexity: "O(1)",
  summary: "Lists the subcommands.",
  execute: (_session, _argv, reply) =>
    replyHelp(reply, "MEMORY", [
      ["USAGE <key> [SAMPLES <count>]", "Bytes that the key and its value take, estimated."],
    ]),
};
