/**
 * Strings in tree form: beyond INLINE_STRING_MAX_BYTES a string's payload is the descriptor of a tree of bytes
 * (docs/formats/keys.md). datatypes/string.ts decides which form a string has; nothing here knows records.
 * A descriptor is given as `buf[at, at + 32)`, the record's payload; what changes a string answers its new
 * descriptor, in a buffer of its own, for the record that is written then.
 */

import { assert } from "../base/assert.ts";
import { readU48 } from "../base/bytes.ts";
import { ByteTree } from "../engine/byte-tree.ts";
import type { Transaction } from "../engine/transaction.ts";
import { DESCRIPTOR_BYTES } from "../engine/tree-pages.ts";

/** Level 1: a string of more bytes is made a tree when it is written; once a tree, it stays one until it is overwritten. */
export const INLINE_STRING_MAX_BYTES = 16_384;

const tree = new ByteTree();

/** The length in bytes of the string whose descriptor lies at `buf[at]`. */
export function longStringSize(buf: Buffer, at: number): number {
  return readU48(buf, at + 18);
}

/** Makes a new tree of the string `buf[start, end)`; answers its descriptor. */
export function createLongString(tx: Transaction, buf: Buffer, start: number, end: number): Buffer {
  tree.create(tx);
  tree.append(buf, start, end);
  return descriptorOfTree();
}

/** The descriptor of a long string, from `buf[at]` on. */
export interface LongStringPlace {
  readonly buf: Buffer;
  readonly at: number;
}

/** Bytes and where in the string they go. */
export interface LongStringPatch {
  readonly offset: number;
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Writes the patch over the string of a descriptor, with zero bytes before it where the string is too short. Only the pages of that part change. Answers the new descriptor.
 */
export function overwriteLongString(tx: Transaction, place: LongStringPlace, patch: LongStringPatch): Buffer {
  tree.open(tx, place.buf, place.at);
  tree.extend(patch.offset);
  tree.overwrite(patch.offset, patch.buf, patch.start, patch.end);
  return descriptorOfTree();
}

/** Calls `visit` with the bytes [from, to), in order, in pieces that are valid until the string is changed. */
export function visitLongString(
  tx: Transaction,
  part: LongStringPlace & { readonly from: number; readonly to: number },
  visit: (buf: Buffer, start: number, end: number) => void,
): void {
  tree.open(tx, part.buf, part.at);
  assert(part.from <= part.to && part.to <= tree.count, "a part lies within its string");
  tree.visit(part.from, part.to, visit);
}

function descriptorOfTree(): Buffer {
  const out = Buffer.allocUnsafe(DESCRIPTOR_BYTES);
  tree.writeDescriptor(out, 0);
  return out;
}
