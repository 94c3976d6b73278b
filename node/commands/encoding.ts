/**
 * The encoding that Redis 7.0 with its default configuration would give a value (OBJECT ENCODING): by the value as it
 * is, not by its history. At most some hundred elements are looked at.
 */

import type { Argv } from "../base/argv.ts";
import { unreachable } from "../base/assert.ts";
import { Hash } from "../datatypes/hash.ts";
import type { LiveRecord } from "../datatypes/record.ts";
import { RedisSet } from "../datatypes/set.ts";
import { Zset } from "../datatypes/zset.ts";
import {
  RECORD_HASH,
  RECORD_LIST,
  RECORD_SET,
  RECORD_STREAM,
  RECORD_STRING,
  RECORD_ZSET,
} from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import { parseInteger } from "./argument-reader.ts";

/** Where OBJECT ENCODING has its key. */
const KEY_INDEX = 2;
const EMBSTR_MAX_BYTES = 44;
const HASH_LISTPACK_MAX_ENTRIES = 512;
const ZSET_LISTPACK_MAX_ENTRIES = 128;
const LISTPACK_MAX_VALUE_BYTES = 64;
const INTSET_MAX_ENTRIES = 512;

const hash = new Hash();
const set = new RedisSet();
const zset = new Zset();

interface SizedRange {
  readonly start: number;
  readonly end: number;
}

/** The encoding's name as OBJECT ENCODING answers it, of the live `record` that the command's key holds. */
export function describeEncoding(tx: Transaction, argv: Argv, record: LiveRecord): string {
  const { type } = record;
  switch (type) {
    case RECORD_STRING:
      return describeString(record);
    case RECORD_LIST:
      return "quicklist";
    case RECORD_HASH:
      hash.open(tx, argv, KEY_INDEX);
      return isSmallHash() ? "listpack" : "hashtable";
    case RECORD_SET:
      set.open(tx, argv, KEY_INDEX);
      return isIntset() ? "intset" : "hashtable";
    case RECORD_ZSET:
      zset.open(tx, argv, KEY_INDEX);
      return isSmallZset() ? "listpack" : "skiplist";
    case RECORD_STREAM:
      return "stream";
    case 0:
      return "none";
    default:
      return unreachable(type);
  }
}

function describeString(record: LiveRecord): string {
  if (record.isTree) return "raw";
  if (parseInteger(record.buf, record.payloadStart, record.payloadEnd) !== undefined) return "int";
  return record.payloadSize <= EMBSTR_MAX_BYTES ? "embstr" : "raw";
}

function isSmallHash(): boolean {
  if (hash.count() > HASH_LISTPACK_MAX_ENTRIES) return false;
  hash.seek(0);
  while (hash.next()) if (!isSmallValue(hash.element) || !isSmallValue(hash.value)) return false;
  return true;
}

function isSmallZset(): boolean {
  if (zset.count() > ZSET_LISTPACK_MAX_ENTRIES) return false;
  zset.seek(0);
  while (zset.next()) if (!isSmallValue(zset.element)) return false;
  return true;
}

function isIntset(): boolean {
  if (set.count() > INTSET_MAX_ENTRIES) return false;
  set.seek(0);
  while (set.next()) {
    if (parseInteger(set.element.buf, set.element.start, set.element.end) === undefined) return false;
  }
  return true;
}

function isSmallValue({ start, end }: SizedRange): boolean {
  return end - start <= LISTPACK_MAX_VALUE_BYTES;
}
