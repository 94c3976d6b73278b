/**
 * The encoding that Redis 7.0 with its default configuration would give a value (OBJECT ENCODING).
 * Inline collections are looked at element by element; one in tree form is beyond 2 KiB and is called by its large
 * encoding, although Redis would keep a few of them (up to 128 elements of up to 64 bytes) in a listpack.
 */

import { unreachable } from "../base/assert.ts";
import { readVarint, varintSize } from "../base/varint.ts";
import type { LiveRecord } from "../datatypes/record.ts";
import {
  RECORD_HASH,
  RECORD_LIST,
  RECORD_SET,
  RECORD_STREAM,
  RECORD_STRING,
  RECORD_ZSET,
} from "../engine/record-format.ts";
import { parseInteger } from "./argument-reader.ts";

const EMBSTR_MAX_BYTES = 44;
const LISTPACK_MAX_ENTRIES = 128;
const LISTPACK_MAX_VALUE_BYTES = 64;
const INTSET_MAX_ENTRIES = 512;
const SCORE_BYTES = 8;

/** The encoding's name as OBJECT ENCODING answers it; the record must exist. */
export function describeEncoding(record: LiveRecord): string {
  const { type } = record;
  switch (type) {
    case RECORD_STRING:
      return describeString(record);
    case RECORD_LIST:
      return "quicklist";
    case RECORD_HASH:
      return isListpack(record, { skipBytes: 0, partsPerEntry: 2 }) ? "listpack" : "hashtable";
    case RECORD_SET:
      return isIntset(record) ? "intset" : "hashtable";
    case RECORD_ZSET:
      return isListpack(record, { skipBytes: SCORE_BYTES, partsPerEntry: 1 }) ? "listpack" : "skiplist";
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

interface EntryShape {
  /** Bytes before each length. */
  readonly skipBytes: number;
  readonly partsPerEntry: number;
}

function isListpack(record: LiveRecord, shape: EntryShape): boolean {
  if (record.isTree) return false;
  const { buf } = record;
  const count = readVarint(buf, record.payloadStart);
  if (count > LISTPACK_MAX_ENTRIES) return false;
  let at = record.payloadStart + varintSize(count);
  for (let i = 0; i < count * shape.partsPerEntry; i++) {
    at += shape.skipBytes;
    const size = readVarint(buf, at);
    if (size > LISTPACK_MAX_VALUE_BYTES) return false;
    at += varintSize(size) + size;
  }
  return true;
}

function isIntset(record: LiveRecord): boolean {
  if (record.isTree) return false;
  const { buf } = record;
  const count = readVarint(buf, record.payloadStart);
  if (count > INTSET_MAX_ENTRIES) return false;
  let at = record.payloadStart + varintSize(count);
  for (let i = 0; i < count; i++) {
    const size = readVarint(buf, at);
    at += varintSize(size);
    if (parseInteger(buf, at, at + size) === undefined) return false;
    at += size;
  }
  return true;
}
