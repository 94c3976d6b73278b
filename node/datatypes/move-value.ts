/** Values that go from one key to another whole: moved with their trees (RENAME) or copied page by page (COPY). */

import { assert } from "../base/assert.ts";
import type { Transaction } from "../engine/transaction.ts";
import type { LiveRecord } from "./record.ts";
import { Scratch } from "./scratch.ts";

const scratch = new Scratch();

/** Gives the value of `source`, with its expiry, to `target` in place of whatever that held, and removes `source`. */
export function moveValue(tx: Transaction, source: LiveRecord, target: LiveRecord): void {
  assert(source.exists, "a value that is moved exists");
  const start = copyPayload(source);
  target.expireAtMs = source.expireAtMs;
  target.replace(tx, source.kind, scratch.buf, start, start + source.payloadSize);
  source.deleteKeepingTrees(tx);
}

/** Makes `target` a value of its own equal to that of `source`, with the same expiry, in place of whatever it held. */
export function copyValue(tx: Transaction, source: LiveRecord, target: LiveRecord): void {
  assert(source.exists, "a value that is copied exists");
  assert(!source.isTree, "a value that is copied is inline");
  const start = copyPayload(source);
  target.expireAtMs = source.expireAtMs;
  target.replace(tx, source.kind, scratch.buf, start, start + source.payloadSize);
}

/** Copies the payload to bytes that outlive the record's View; answers where in `scratch.buf`. */
function copyPayload(source: LiveRecord): number {
  const start = scratch.take(source.payloadSize);
  source.buf.copy(scratch.buf, start, source.payloadStart, source.payloadEnd);
  return start;
}
