/** Values that go from one key to another whole: moved with their trees (RENAME) or copied page by page (COPY). */

import { assert } from "../base/assert.ts";
import type { TreeKind } from "../engine/page.ts";
import type { Transaction } from "../engine/transaction.ts";
import { DESCRIPTOR_BYTES, TreePages } from "../engine/tree-pages.ts";
import type { LiveRecord } from "./record.ts";
import { Scratch } from "./scratch.ts";

/** Where in a descriptor the tree's kind is (docs/formats/keys.md). */
const DESCRIPTOR_KIND_OFFSET = 7;

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
  const start = copyPayload(source);
  const end = start + source.payloadSize;
  const { buf } = scratch;
  if (source.isTree) for (let at = start; at < end; at += DESCRIPTOR_BYTES) copyTree(tx, buf, at);
  target.expireAtMs = source.expireAtMs;
  target.replace(tx, source.kind, buf, start, end);
}

/** Copies the tree whose descriptor lies at `buf[at]` and puts the copy's descriptor in its place. */
function copyTree(tx: Transaction, buf: Buffer, at: number): void {
  const kind = buf[at + DESCRIPTOR_KIND_OFFSET] as TreeKind;
  const tree = new TreePages(kind);
  const copy = new TreePages(kind);
  tree.open(tx, buf, at);
  tree.copyTo(copy);
  copy.writeDescriptor(buf, at);
}

/** Copies the payload to bytes that outlive the record's View; answers where in `scratch.buf`. */
function copyPayload(source: LiveRecord): number {
  const start = scratch.take(source.payloadSize);
  source.buf.copy(scratch.buf, start, source.payloadStart, source.payloadEnd);
  return start;
}
