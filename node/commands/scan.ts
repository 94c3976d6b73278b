/**
 * KEYS and SCAN over the records of one slot. A client's cursor is `slot × 2^32 + hash` (docs/formats/keys.md); here
 * only the hash counts: SCAN on a slot takes the low 32 bits of its cursor and answers the hash to go on from, 0 at
 * the slot's end. scan-join.ts walks the slots. What exists during the whole scan is seen at least once, because the
 * order of records is that of their hashes and all records of one hash come in one call.
 */

import { type ByteRange, matchesAll, matchesGlob } from "../datatypes/glob.ts";
import { LiveRecord } from "../datatypes/record.ts";
import type { Transaction, View } from "../engine/transaction.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { readCursor, readScanOptions, type ScanOptions } from "./scan-options.ts";

const record = new LiveRecord();
const TWO_32 = 2 ** 32;

function executeKeys({ argv, reply, tx }: DataContext): void {
  const range = { buf: argv.buf, start: argv.start(1), end: argv.end(1) };
  const pattern = matchesAll(range) ? undefined : range;
  // Written as they come: a list of the keys of a large slot would take far more room than the reply.
  const mark = reply.mark();
  let count = 0;
  tx.scanRecords(0, (key, value) => {
    if (isWanted(tx, { key, value, pattern, type: undefined })) {
      reply.bulk(key.buf, key.start, key.end);
      count++;
    }
    return true;
  });
  const from = reply.mark();
  reply.array(count);
  reply.putBefore(mark, from);
}

function executeScan({ argv, reply, tx }: DataContext): void {
  const cursor = readCursor(argv, 1);
  if (cursor === undefined) {
    reply.error(ERRORS.invalidCursor);
    return;
  }
  const options = readScanOptions(argv, { from: 2, allowsType: true });
  if (typeof options === "string") {
    reply.error(options);
    return;
  }
  const { next, keys } = scanSlot(tx, cursor % TWO_32, options);
  reply.array(2);
  reply.bulkText(String(Math.max(0, next)));
  reply.array(keys.length);
  for (const key of keys) reply.bulk(key);
}

/**
 * Looks at about `options.count` records from hash `fromHash` on: copies of the keys that are wanted, and the hash to
 * go on from, -1 at the end of the slot.
 */
function scanSlot(tx: Transaction, fromHash: number, options: ScanOptions): { next: number; keys: Buffer[] } {
  const keys: Buffer[] = [];
  let seen = 0;
  const next = tx.scanRecords(fromHash, (key, value) => {
    if (isWanted(tx, { key, value, pattern: options.pattern, type: options.type })) keys.push(copyOf(key));
    return ++seen < options.count;
  });
  return { next, keys };
}

interface Candidate {
  readonly key: View;
  readonly value: View;
  readonly pattern: ByteRange | undefined;
  readonly type: number | undefined;
}

function isWanted(tx: Transaction, { key, value, pattern, type }: Candidate): boolean {
  if (pattern !== undefined && !matchesGlob(pattern, key)) return false;
  return record.read(tx, value) && (type === undefined || record.type === type);
}

function copyOf(key: View): Buffer {
  return Buffer.from(key.buf.subarray(key.start, key.end));
}

const COMMON = { scope: "data", group: "generic", keys: { kind: "none" }, flags: ["readonly"] } as const;

export const scanCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "keys",
    arity: 2,
    fanOut: { over: "leaders", join: "arrays" },
    since: "1.0.0",
    summary: "Returns all keys that match a pattern.",
    complexity: "O(N) where N is the number of keys of the table",
    execute: executeKeys,
  },
  {
    ...COMMON,
    name: "scan",
    arity: -2,
    fanOut: { over: "cursor" },
    since: "2.8.0",
    summary: "Walks over the keys of the table, some at each call.",
    complexity: "O(1) for a call, O(N) for the whole walk",
    execute: executeScan,
  },
];
