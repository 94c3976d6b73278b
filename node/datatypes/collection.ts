/**
 * What hashes, sets and sorted sets have in common: a key opened once for a command, looked at and changed in its
 * inline form or as trees, and stored at the end by `close`.
 *
 * Invariants
 * 1. One object serves one key of one command at a time and is reused; nothing is stored before `close`.
 * 2. A value that becomes a tree stays one (level 1). A value without elements does not exist.
 */

import type { Argv } from "../base/argv.ts";
import { assert } from "../base/assert.ts";
import { RECORD_ZSET, type RecordType } from "../engine/record-format.ts";
import type { Transaction } from "../engine/transaction.ts";
import { DESCRIPTOR_BYTES } from "../engine/tree-pages.ts";
import type { InlineEntries } from "./inline-entries.ts";
import { LiveRecord, TREE_FORM } from "./record.ts";
import { Scratch } from "./scratch.ts";

const NO_BYTES = Buffer.alloc(0);
/** Descriptors lie here: they are handed to the transaction and stay as they are. */
const scratch = new Scratch();

export abstract class Collection {
  readonly record: LiveRecord = new LiveRecord();
  /** Whether the elements are in trees. */
  isTree = false;
  protected isChanged = false;
  readonly #type: RecordType;
  readonly #inline: InlineEntries;
  #tx: Transaction | undefined;

  constructor(type: RecordType, inline: InlineEntries) {
    this.#type = type;
    this.#inline = inline;
  }

  protected get tx(): Transaction {
    assert(this.#tx !== undefined, "a collection is opened before it is used");
    return this.#tx;
  }

  /** Opens the key that is argument `index`. False, for the reply WRONGTYPE, where it holds another type. */
  open(tx: Transaction, argv: Argv, index: number): boolean {
    this.record.findArgument(tx, argv, index);
    return this.#begin(tx);
  }

  /** Opens the key that is argument `index` for a new value: what it held, of whatever type, goes at `close`. */
  openEmpty(tx: Transaction, argv: Argv, index: number): void {
    this.record.findArgument(tx, argv, index);
    this.record.expireAtMs = 0;
    this.#tx = tx;
    this.isTree = false;
    this.isChanged = false;
    this.#inline.clear();
  }

  /** Whether the key held a value when it was opened, or has been given elements since. */
  exists(): boolean {
    return this.count() > 0;
  }

  /** Number of elements. */
  abstract count(): number;
  /** Points at the trees whose descriptors lie at `buf[start, …)`. */
  protected abstract attachTrees(buf: Buffer, start: number): void;
  /** Writes the trees' descriptors, one behind the other, at `buf[start]`. */
  protected abstract describeTrees(buf: Buffer, start: number): void;

  /** Stores what was changed; a value that has become empty is deleted. */
  close(): void {
    if (!this.isChanged) return;
    this.isChanged = false;
    if (this.count() === 0) this.record.delete(this.tx);
    else if (this.isTree) {
      const sizeBytes = this.#type === RECORD_ZSET ? 2 * DESCRIPTOR_BYTES : DESCRIPTOR_BYTES;
      const start = scratch.take(sizeBytes);
      this.describeTrees(scratch.buf, start);
      this.record.write(this.tx, this.#type | TREE_FORM, scratch.buf, start, start + sizeBytes);
    } else {
      const inline = this.#inline;
      const start = inline.finish();
      this.record.write(this.tx, this.#type, inline.buf, start, inline.end);
    }
  }

  /** Stores what was added since `openEmpty` in place of what the key held; deletes the key where that is nothing. */
  closeReplacing(): void {
    if (this.count() === 0) this.record.delete(this.tx);
    else {
      this.record.discardTrees(this.tx);
      this.close();
    }
  }

  /** Deletes the value with all its elements. */
  delete(): void {
    this.record.delete(this.tx);
    this.isTree = false;
    this.isChanged = false;
    this.#inline.clear();
  }

  #begin(tx: Transaction): boolean {
    const { record } = this;
    this.#tx = tx;
    this.isChanged = false;
    this.isTree = record.isTree;
    if (!record.exists) {
      this.#inline.clear();
      return true;
    }
    if (record.type !== this.#type) return false;
    if (record.isTree) this.attachTrees(record.buf, record.payloadStart);
    else this.#inline.attach(record.buf, record.payloadStart, record.payloadEnd);
    return true;
  }
}

/** Where an element lies that a collection stands on. */
export class ByteRange {
  buf: Buffer = NO_BYTES;
  start = 0;
  end = 0;

  set(buf: Buffer, start: number, end: number): void {
    this.buf = buf;
    this.start = start;
    this.end = end;
  }
}
