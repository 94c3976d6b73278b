/** The commands over keys of any type: existence, deletion, types, whole slots. Expiry, SCAN and the like: own files. */

import { LiveRecord } from "../datatypes/record.ts";
import type { View } from "../engine/transaction.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { dumpCommands } from "./dump.ts";
import { expireCommands } from "./expire.ts";
import { objectCommands } from "./object.ts";
import { renameCommands } from "./rename.ts";
import { scanCommands } from "./scan.ts";
import { typeName } from "./type-name.ts";

const record = new LiveRecord();
const ASYNC = optionWord("ASYNC");
const SYNC = optionWord("SYNC");
/** Live keys that RANDOMKEY draws one of: enough that the gaps between hashes even out, few enough to be read at once. */
const RANDOM_CANDIDATES = 32;

function executeDelete({ argv, reply, tx }: DataContext): void {
  let count = 0;
  for (let i = 1; i < argv.count; i++) {
    if (!record.findArgument(tx, argv, i)) continue;
    record.delete(tx);
    count++;
  }
  reply.integer(count);
}

function executeExists({ argv, reply, tx }: DataContext): void {
  let count = 0;
  for (let i = 1; i < argv.count; i++) if (record.findArgument(tx, argv, i)) count++;
  reply.integer(count);
}

function executeType({ argv, reply, tx }: DataContext): void {
  reply.simple(record.findArgument(tx, argv, 1) ? typeName(record.type) : "none");
}

/**
 * Takes some live keys in a row, by hash from a random one on and round the slot's end, and draws one of them: each
 * key of a small slot is as likely as any other, and in a large one no key is much likelier for the gap before it.
 */
function executeRandomkey({ reply, tx }: DataContext): void {
  const keys: Buffer[] = [];
  let unseen = tx.recordCount();
  const visit = (key: View, value: View) => {
    if (unseen <= 0) return false;
    unseen--;
    if (record.read(tx, value)) keys.push(Buffer.from(key.buf.subarray(key.start, key.end)));
    return unseen > 0 && keys.length < RANDOM_CANDIDATES;
  };
  if (unseen > 0) tx.scanRecords(tx.random.nextUint32(), visit);
  if (unseen > 0 && keys.length < RANDOM_CANDIDATES) tx.scanRecords(0, visit);
  const drawn = keys.length > 0 ? keys[tx.random.nextBelow(keys.length)] : undefined;
  if (drawn) reply.bulk(drawn);
  else reply.nil();
}

function executeDbsize({ reply, tx }: DataContext): void {
  reply.integer(tx.recordCount());
}

function executeExpiring({ reply, tx }: DataContext): void {
  reply.integer(tx.expiringCount());
}

function executeFlush({ argv, reply, tx }: DataContext): void {
  const isMode = argv.count === 2 && (isWord(argv, 1, ASYNC) || isWord(argv, 1, SYNC));
  if (argv.count > 1 && !isMode) {
    reply.error(ERRORS.syntax);
    return;
  }
  tx.flushAll();
  reply.ok();
}

const KEYS = { kind: "range", first: 1, last: -1, step: 1 } as const;
const NO_KEYS = { kind: "none" } as const;
const BY_KEY = { over: "keys", join: "sum" } as const;
const COMMON = { scope: "data", group: "generic" } as const;
const PER_KEY = { ...COMMON, arity: -2, keys: KEYS, fanOut: BY_KEY, complexity: "O(N) for N keys" } as const;

const wholeKeyCommands: readonly DataCommand[] = [
  {
    ...PER_KEY,
    name: "del",
    flags: ["write"],
    since: "1.0.0",
    summary: "Deletes keys; what a large value took is given back in the background.",
    execute: executeDelete,
  },
  {
    ...PER_KEY,
    name: "unlink",
    flags: ["write", "fast"],
    since: "4.0.0",
    summary: "Deletes keys; the same as DEL, which never waits for the space either.",
    execute: executeDelete,
  },
  {
    ...PER_KEY,
    name: "exists",
    flags: ["readonly", "fast"],
    since: "1.0.0",
    summary: "Counts the keys that exist; one named twice counts twice.",
    execute: executeExists,
  },
  {
    ...PER_KEY,
    name: "touch",
    flags: ["readonly", "fast"],
    since: "3.2.1",
    summary: "Counts the keys that exist and marks them as used.",
    execute: executeExists,
  },
  {
    ...COMMON,
    name: "type",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: { kind: "range", first: 1, last: 1, step: 1 },
    since: "1.0.0",
    summary: "Returns the type of the value at a key.",
    complexity: "O(1)",
    execute: executeType,
  },
  {
    ...COMMON,
    name: "randomkey",
    arity: 1,
    flags: ["readonly", "random"],
    keys: NO_KEYS,
    fanOut: { over: "leaders", join: "anyValue" },
    since: "1.0.0",
    summary: "Returns some key.",
    complexity: "O(1)",
    execute: executeRandomkey,
  },
  {
    ...COMMON,
    name: "dbsize",
    group: "server",
    arity: 1,
    flags: ["readonly", "fast"],
    keys: NO_KEYS,
    fanOut: { over: "leaders", join: "sum" },
    since: "1.0.0",
    summary: "Counts the keys of the table, expired ones that are not collected yet included.",
    complexity: "O(1) for each slot",
    execute: executeDbsize,
  },
  {
    ...COMMON,
    name: "pika|expiring",
    group: "server",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: NO_KEYS,
    fanOut: { over: "leaders", join: "sum" },
    since: "1.0.0",
    summary: "Counts the keys of the table that have an expiry, expired ones that are not collected yet included.",
    complexity: "O(1) for each slot",
    execute: executeExpiring,
  },
  {
    ...COMMON,
    name: "flushdb",
    group: "server",
    arity: -1,
    flags: ["write"],
    keys: NO_KEYS,
    fanOut: { over: "leaders", join: "ok" },
    since: "1.0.0",
    summary: "Deletes all keys of the table, at once for clients and in the background on disk.",
    complexity: "O(1) for each slot",
    execute: executeFlush,
  },
  {
    ...COMMON,
    name: "flushall",
    group: "server",
    arity: -1,
    flags: ["write"],
    keys: NO_KEYS,
    fanOut: { over: "leaders", join: "ok" },
    since: "1.0.0",
    summary: "Deletes all keys of the table: the same as FLUSHDB.",
    complexity: "O(1) for each slot",
    execute: executeFlush,
  },
];

/** The generic family. */
export const keyCommands: readonly DataCommand[] = [
  ...wholeKeyCommands,
  ...expireCommands,
  ...renameCommands,
  ...scanCommands,
  ...objectCommands,
  ...dumpCommands,
];
