/**
 * One record or page in a transaction's overlay: what a command read from the database, or what it means to write.
 * Entries are pooled: a transaction reuses them, so that GET and SET make no garbage.
 */

import { FLAG_PAGE, hashPage, PAGE_KEY_BYTES, writePageKey } from "./cache-entry.ts";
import { hasRecordExpiry, recordExpireAtMs } from "./record-format.ts";
import type { Ref } from "./slab.ts";
import type { PageNumber, TreeId, View } from "./transaction.ts";

/** In use for nothing: its tree was discarded, or it was made and deleted. */
export const OVERLAY_VOID = 0;
/** As the database has it; enters the cache when the transaction ends. */
export const OVERLAY_LOADED = 1;
export const OVERLAY_WRITTEN = 2;
export const OVERLAY_DELETED = 3;
/** As the cache has it, without the value: about to be written or deleted, or known not to exist. */
export const OVERLAY_KNOWN = 4;

const EMPTY = Buffer.alloc(0);

export class OverlayEntry {
  state: number = OVERLAY_VOID;
  /** FLAG_PAGE or 0. */
  pageFlag = 0;
  hash = 0;
  tree: TreeId = 0;
  page: PageNumber = 0;
  keyBuf: Buffer = EMPTY;
  keyStart = 0;
  keyEnd = 0;
  /** Its cache entry (a known-absent one included), or 0. */
  ref: Ref = 0;
  /** Whether it existed before the transaction, and its key and value bytes then. */
  existed = false;
  oldBytes = 0;
  /** Of a record: whether it had an expiry before the transaction. */
  hadExpiry = false;
  /** The value is `head` and then `body[bodyStart, bodyEnd)`. */
  head: Buffer = EMPTY;
  body: Buffer = EMPTY;
  bodyStart = 0;
  bodyEnd = 0;
  /** How far `growTo` may move `bodyEnd`. */
  bodyLimit = 0;
  /** Whether the value lies in the entry's own memory in the cache (pages only). */
  isInPlace = false;
  /**
   * What that memory held before the transaction, `undoLength` bytes, if it was edited, however the value goes on: of the
   * header and of [undoFrom, undoTo), each where it lay.
   */
  undo: Buffer | undefined;
  undoLength = 0;
  undoFrom = 0;
  undoTo = 0;
  /** Whether it was dirty before. */
  wasDirty = false;
  #ownKey: Buffer | undefined;

  startRecord(hash: number, buf: Buffer, start: number, end: number): void {
    this.pageFlag = 0;
    this.hadExpiry = false;
    this.hash = hash;
    this.keyBuf = buf;
    this.keyStart = start;
    this.keyEnd = end;
  }

  startPage(tree: TreeId, page: PageNumber): void {
    this.#ownKey ??= Buffer.alloc(PAGE_KEY_BYTES);
    writePageKey(this.#ownKey, tree, page);
    this.pageFlag = FLAG_PAGE;
    this.hash = hashPage(tree, page);
    this.tree = tree;
    this.page = page;
    this.keyBuf = this.#ownKey;
    this.keyStart = 0;
    this.keyEnd = PAGE_KEY_BYTES;
  }

  /** What the cache knows of it: its entry, or that there is none. */
  setPrevious(ref: Ref, existed: boolean, oldBytes: number): void {
    this.ref = ref;
    this.existed = existed;
    this.oldBytes = oldBytes;
  }

  setValue(head: Buffer, body: Buffer, bodyStart: number, bodyEnd: number): void {
    this.head = head;
    this.body = body;
    this.bodyStart = bodyStart;
    this.bodyEnd = bodyEnd;
    this.bodyLimit = body.length;
    this.isInPlace = false;
  }

  /** Makes the value `buf[start, end)`, which is the cache's memory up to `limit`. */
  setInPlace(buf: Buffer, start: number, end: number, limit: number): void {
    this.setValue(EMPTY, buf, start, end);
    this.bodyLimit = limit;
    this.isInPlace = true;
  }

  setWhole(bytes: Buffer): void {
    this.setValue(EMPTY, bytes, 0, bytes.length);
  }

  /** Makes a page's value `length` bytes long at least, with zeros, if its memory has the room. False where it has not. */
  growTo(length: number): boolean {
    const end = this.bodyStart + length;
    if (end <= this.bodyEnd) return true;
    if (end > this.bodyLimit) return false;
    this.body.fill(0, this.bodyEnd, end);
    this.bodyEnd = end;
    return true;
  }

  /** Whether it exists as of now. */
  get isPresent(): boolean {
    if (this.state === OVERLAY_LOADED || this.state === OVERLAY_KNOWN) return this.existed;
    return this.state === OVERLAY_WRITTEN;
  }

  /** Of a written record: whether its new value has an expiry. */
  get hasExpiry(): boolean {
    return this.head.length > 0 ? hasRecordExpiry(this.head, 0) : hasRecordExpiry(this.body, this.bodyStart);
  }

  /** Of a written record: when its new value expires, or 0. */
  get expireAtMs(): number {
    return this.head.length > 0 ? recordExpireAtMs(this.head, 0) : recordExpireAtMs(this.body, this.bodyStart);
  }

  /** By how much it changes the number of records with an expiry: -1, 0 or 1. */
  get expiringDelta(): number {
    if (this.pageFlag !== 0) return 0;
    if (this.state === OVERLAY_WRITTEN) return (this.hasExpiry ? 1 : 0) - (this.hadExpiry ? 1 : 0);
    return this.state === OVERLAY_DELETED && this.hadExpiry ? -1 : 0;
  }

  /** Points `out` at the value; joins head and body first where they are apart. */
  view(out: View): void {
    if (this.head.length > 0) {
      this.setWhole(Buffer.concat([this.head, this.body.subarray(this.bodyStart, this.bodyEnd)]));
    }
    out.buf = this.body;
    out.start = this.bodyStart;
    out.end = this.bodyEnd;
  }

  /** Lets go of buffers that belong to others. */
  clear(): void {
    this.state = OVERLAY_VOID;
    this.ref = 0;
    this.keyBuf = EMPTY;
    this.head = EMPTY;
    this.body = EMPTY;
    this.undo = undefined;
  }
}
