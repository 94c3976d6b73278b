/** Replies with string values: inline ones straight from the record, long ones page by page without a copy between. */

import type { LiveRecord } from "../datatypes/record.ts";
import { stringSize, visitString } from "../datatypes/string.ts";
import type { Transaction } from "../engine/transaction.ts";
import type { ReplyWriter } from "../resp/reply.ts";

/** Replies with the whole string that `record`, which exists and is a string, holds. */
export function replyString(tx: Transaction, reply: ReplyWriter, record: LiveRecord): void {
  if (record.isTree) replyLongRange(tx, reply, { record, start: 0, end: stringSize(record) });
  else reply.bulk(record.buf, record.payloadStart, record.payloadEnd);
}

/** Bytes [start, end) of a string; they must lie within it. */
export interface StringRange {
  readonly record: LiveRecord;
  readonly start: number;
  readonly end: number;
}

/** Replies with a part of a string. */
export function replyStringRange(tx: Transaction, reply: ReplyWriter, range: StringRange): void {
  const { record, start, end } = range;
  if (record.isTree) replyLongRange(tx, reply, range);
  else reply.bulk(record.buf, record.payloadStart + start, record.payloadStart + end);
}

function replyLongRange(tx: Transaction, reply: ReplyWriter, range: StringRange): void {
  reply.bulkBegin(range.end - range.start);
  visitString(tx, range, (buf, start, end) => reply.raw(buf, start, end));
  reply.bulkEnd();
}
