/**
 * The Transaction over the record cache: reads go through the overlay, the cache and the database; writes stay in the
 * overlay until `commit`. One object serves all commands, one at a time: `begin`, the command, `commit` or `rollback`.
 *
 * Invariants
 * - The cache does not change between `begin` and the end, so that Views into it stay valid; what was read from the
 *   database is held here meanwhile.
 * - Whoever writes a record knows whether it existed and whether it had an expiry, so that both counts are exact.
 * - A command on cached small records makes no garbage: overlay entries are pooled, the last lookup is remembered.
 */

import { assert } from "../base/assert.ts";
import { OperatingError } from "../base/errors.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import { Prng } from "../base/prng.ts";
import { FLAG_ABSENT, FLAG_PAGE, hashPage, PAGE_KEY_BYTES, PageKey, writePageKey } from "./cache-entry.ts";
import type { DirtyList } from "./dirty-list.ts";
import { pageKey, recordKey } from "./key-codec.ts";
import { HASHES, rangePiece } from "./loaded-range.ts";
import { Misses } from "./misses.ts";
import { Overlay } from "./overlay.ts";
import {
  OVERLAY_DELETED,
  OVERLAY_KNOWN,
  OVERLAY_LOADED,
  OVERLAY_VOID,
  OVERLAY_WRITTEN,
  type OverlayEntry,
} from "./overlay-entry.ts";
import { PageEdits } from "./page-edits.ts";
import type { ReadPath } from "./read-path.ts";
import type { RecordCache } from "./record-cache.ts";
import { hasRecordExpiry } from "./record-format.ts";
import { scanMerged } from "./record-scan.ts";
import type { Ref } from "./slab.ts";
import type { SlotSpace } from "./slot-space.ts";
import { type PageChange, type PageNumber, type Transaction, type TreeId, View } from "./transaction.ts";

/** Larger pieces are not kept for the next scan. */
const KEPT_RANGE_ENTRIES = 1024;
const EMPTY = Buffer.alloc(0);
const NO_HASH_KEY: HashKey = { k0: 0, k1: 0 };

/** What a transaction does to its slot beyond single entries. */
export interface SlotChanges {
  /** The slot continues under a new, empty generation. Answers what was dirty in the old one, to be freed. */
  switchGeneration(space: SlotSpace): readonly DirtyList[];
}

export class OverlayTransaction implements Transaction {
  nowMs = 0;
  readonly random = new Prng(0);
  hashKey: HashKey = NO_HASH_KEY;
  /** Reads that found what they wanted cached (or known to be absent). */
  hitCount = 0;
  readonly #cache: RecordCache;
  readonly #reads: ReadPath;
  readonly #misses: Misses;
  readonly #changes: SlotChanges;
  readonly #overlay = new Overlay();
  readonly #edits: PageEdits;
  readonly #pageKey = new PageKey();
  readonly #view = new View();
  readonly #edited = new View();
  readonly #discarded: TreeId[] = [];
  #space: SlotSpace | undefined;
  #isFlushed = false;
  #hasWrites = false;
  #countDelta = 0;
  /** The last record that was looked up in the cache, for the write that follows a read. */
  #lastBuf: Buffer = EMPTY;
  #lastStart = 0;
  #lastEnd = -1;
  #lastHash = 0;
  #lastRef: Ref = 0;

  constructor(deps: { readonly cache: RecordCache; readonly reads: ReadPath; readonly changes: SlotChanges }) {
    this.#cache = deps.cache;
    this.#edits = new PageEdits(deps.cache);
    this.#reads = deps.reads;
    this.#misses = new Misses(deps.reads);
    this.#changes = deps.changes;
  }

  /** Reads that did not find what they wanted cached. */
  get missCount(): number {
    return this.#misses.count;
  }

  /** Starts on a slot. `nowMs` as in the port; `seed` of the log entry. The one before must have ended. */
  begin(space: SlotSpace, nowMs: number, seed: number): void {
    assert(this.#space === undefined, "a transaction ends before the next begins");
    this.#space = space;
    this.nowMs = nowMs;
    this.hashKey = space.hashKey;
    this.random.reseed(seed);
    this.#misses.forget();
  }

  /** From here to the end reads are made on this thread: for recovery, replication, and after many misses. */
  readSynchronously(): void {
    this.#misses.isForcedSync = true;
  }

  /** Whether a commit would change anything. */
  get hasWrites(): boolean {
    return this.#hasWrites;
  }

  /** Whether the slot's records are all dropped by this transaction (FLUSHDB), before the writes that it still has. */
  get isFlushed(): boolean {
    return this.#isFlushed;
  }

  /** Visits the user keys of records that a commit would write or delete. Nothing may be written meanwhile. */
  forEachTouched(visit: (buf: Buffer, start: number, end: number) => void): void {
    for (const entry of this.#overlay.list()) {
      if (entry.pageFlag !== 0) continue;
      if (entry.state === OVERLAY_WRITTEN || entry.state === OVERLAY_DELETED) {
        visit(entry.keyBuf, entry.keyStart, entry.keyEnd);
      }
    }
  }

  /** Makes the overlay's writes the slot's state, as one. Returns whether there were any. */
  commit(): boolean {
    const space = this.#activeSpace();
    const { count } = this.#overlay;
    const hadWrites = this.#hasWrites;
    if (count === 0 && !hadWrites) {
      this.#space = undefined;
      this.#misses.isForcedSync = false;
      this.#lastEnd = -1;
      return false;
    }
    const abandoned = this.#isFlushed ? this.#changes.switchGeneration(space) : undefined;
    if (hadWrites) {
      this.#commitWrites(space, count);
      space.keyCount += this.#countDelta;
      for (const tree of this.#discarded) space.droppedTrees.push(tree);
      this.#cache.dirty.enqueue(space);
    }
    if (abandoned !== undefined) this.#cache.dropListed(abandoned);
    this.#end(space);
    return hadWrites;
  }

  /** Drops the overlay. What was read from the database is kept in the cache. */
  rollback(): void {
    const space = this.#activeSpace();
    this.#undoEdits(space);
    this.#isFlushed = false;
    this.#end(space);
  }

  /**
   * Resolves when what made the last attempt throw MISS has been read; call it right after `rollback`. Rejects with
   * the database's OperatingError.
   */
  loadMissed(): Promise<void> {
    return this.#misses.load();
  }

  readRecord(buf: Buffer, start: number, end: number, out: View): boolean {
    const hash = hash32(this.hashKey, buf, start, end);
    if (this.#overlay.count !== 0) {
      const entry = this.#overlay.findRecord(hash, buf, start, end);
      if (entry !== undefined) return viewOf(entry, out);
    }
    if (this.#isFlushed) return false;
    const space = this.#activeSpace();
    const ref = this.#cache.index.find(space.generation, hash, buf, start, end);
    if (ref === 0 && !space.isComplete) return viewOf(this.#loadRecord(hash, buf, start, end), out);
    this.hitCount++;
    this.#lastBuf = buf;
    this.#lastStart = start;
    this.#lastEnd = end;
    this.#lastHash = hash;
    this.#lastRef = ref;
    return ref !== 0 && this.#cache.view(ref, out);
  }

  writeRecord(
    key: { readonly buf: Buffer; readonly start: number; readonly end: number },
    head: Buffer,
    body: Buffer,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    const entry = this.#recordToChange(key.buf, key.start, key.end);
    if (!entry.isPresent) this.#countDelta++;
    entry.state = OVERLAY_WRITTEN;
    entry.setValue(head, body, bodyStart, bodyEnd);
    this.#hasWrites = true;
  }

  deleteRecord(buf: Buffer, start: number, end: number): void {
    const entry = this.#recordToChange(buf, start, end);
    if (entry.isPresent) {
      this.#countDelta--;
      this.#hasWrites = true;
      entry.state = OVERLAY_DELETED;
    }
  }

  newTreeId(): TreeId {
    return this.#activeSpace().nextTreeId++;
  }

  readPage(tree: TreeId, page: PageNumber, out: View): void {
    if (this.#overlay.count !== 0) {
      const entry = this.#overlay.findPage(tree, page);
      if (entry !== undefined) {
        if (!viewOf(entry, out)) throw this.#lostPage(tree, page);
        return;
      }
    }
    const ref = this.#findPage(tree, page, out.lookBeforeEnd);
    out.lookBeforeEnd = 0;
    if (ref !== 0 && this.#cache.view(ref, out)) {
      this.hitCount++;
      return;
    }
    if (ref !== 0 || this.#isFlushed || this.#activeSpace().isComplete) throw this.#lostPage(tree, page);
    viewOf(this.#loadPage(tree, page), out);
  }

  writePage(tree: TreeId, page: PageNumber, bytes: Buffer): void {
    assert(tree > 0 && page > 0, "trees and pages count from 1");
    const entry = this.#pageToChange(tree, page);
    entry.state = OVERLAY_WRITTEN;
    entry.setWhole(bytes);
    this.#hasWrites = true;
  }

  editPage(tree: TreeId, page: PageNumber, change: PageChange): View {
    let entry = this.#overlay.findPage(tree, page);
    if (entry?.state === OVERLAY_WRITTEN && entry.growTo(change.capacity)) this.#edits.keepMore(entry, change);
    else entry = this.#startEdit(tree, page, change);
    const edited = this.#edited;
    entry.view(edited);
    return edited;
  }

  deletePage(tree: TreeId, page: PageNumber): void {
    const entry = this.#pageToChange(tree, page);
    entry.state = entry.existed || entry.ref !== 0 || !this.#isNew(tree) ? OVERLAY_DELETED : OVERLAY_VOID;
    this.#hasWrites = true;
  }

  discardTree(tree: TreeId): void {
    this.#overlay.discardTree(tree);
    this.#discarded.push(tree);
    this.#hasWrites = true;
  }

  scanRecords(fromHash: number, visit: (key: View, value: View) => boolean): number {
    const space = this.#activeSpace();
    const range = this.#isFlushed ? undefined : this.#misses.rangeFrom(space, fromHash);
    const stored = rangePiece(range, fromHash);
    let isStopped = false;
    const next = scanMerged(
      {
        cache: this.#cache,
        space,
        stored,
        overlay: this.#overlay.list(),
        isFlushed: this.#isFlushed,
      },
      fromHash,
      (key, value) => {
        if (visit(key, value)) return true;
        isStopped = true;
        return false;
      },
    );
    if (!isStopped && next < HASHES) {
      this.#misses.missRange(space, fromHash, range);
    }
    if (range !== undefined && range.limit > KEPT_RANGE_ENTRIES) space.range = undefined;
    return next >= HASHES ? -1 : next;
  }

  recordCount(): number {
    return (this.#isFlushed ? 0 : this.#activeSpace().keyCount) + this.#countDelta;
  }

  expiringCount(): number {
    let count = this.#isFlushed ? 0 : this.#activeSpace().expiringCount;
    for (const entry of this.#overlay.list()) count += entry.expiringDelta;
    return count;
  }

  flushAll(): void {
    const space = this.#activeSpace();
    if (this.#hasWrites || space.keyCount > 0 || space.sizeBytes > 0) {
      this.#isFlushed = true;
      this.#hasWrites = true;
    }
    this.#undoEdits(space);
    this.#overlay.clear();
    this.#discarded.length = 0;
    this.#countDelta = 0;
    this.#lastEnd = -1;
  }

  #commitWrites(space: SlotSpace, count: number): void {
    const cache = this.#cache;
    const isAlone = count === 1;
    for (let i = 0; i < count; i++) {
      const entry = this.#overlay.at(i);
      space.expiringCount += entry.expiringDelta;
      if (entry.state === OVERLAY_WRITTEN) {
        if (entry.pageFlag === 0 && entry.hasExpiry) noteExpiry(space, entry.expireAtMs);
        if (entry.isInPlace) cache.edited(space, entry);
        else cache.write(space, entry, isAlone);
        const newBytes = entry.keyEnd - entry.keyStart + entry.head.length + entry.bodyEnd - entry.bodyStart;
        space.sizeBytes += newBytes - entry.oldBytes;
      } else if (entry.state === OVERLAY_DELETED && (entry.existed || entry.pageFlag !== 0)) {
        cache.remove(space, entry, isAlone);
        space.sizeBytes -= entry.oldBytes;
      } else {
        // A page of a tree that was discarded later.
        this.#edits.undo(space, entry);
      }
    }
    if (!isAlone) cache.endCommit();
  }

  #undoEdits(space: SlotSpace): void {
    for (let i = 0; i < this.#overlay.count; i++) this.#edits.undo(space, this.#overlay.at(i));
  }

  #end(space: SlotSpace): void {
    if (this.#overlay.hasLoaded && !this.#isFlushed) {
      for (let i = 0; i < this.#overlay.count; i++) {
        const entry = this.#overlay.at(i);
        if (entry.state === OVERLAY_LOADED) this.#cache.insertLoaded(space, entry);
      }
    }
    this.#overlay.clear();
    this.#edits.end();
    if (this.#discarded.length > 0) this.#discarded.length = 0;
    this.#space = undefined;
    this.#misses.isForcedSync = false;
    this.#isFlushed = false;
    this.#hasWrites = false;
    this.#countDelta = 0;
    this.#lastEnd = -1;
    this.#lastBuf = EMPTY;
    this.#cache.trim();
  }

  #activeSpace(): SlotSpace {
    const space = this.#space;
    assert(space !== undefined, "a transaction has begun");
    return space;
  }

  /** The overlay's entry of a record that is about to be written or deleted; its earlier state is known then. */
  #recordToChange(buf: Buffer, start: number, end: number): OverlayEntry {
    const isLast = buf === this.#lastBuf && start === this.#lastStart && end === this.#lastEnd;
    const hash = isLast ? this.#lastHash : hash32(this.hashKey, buf, start, end);
    if (this.#overlay.count !== 0) {
      const known = this.#overlay.findRecord(hash, buf, start, end);
      if (known !== undefined) return known;
    }
    const space = this.#activeSpace();
    let ref: Ref = 0;
    if (!this.#isFlushed) {
      ref = isLast ? this.#lastRef : this.#cache.index.find(space.generation, hash, buf, start, end);
      if (ref === 0 && !space.isComplete) return this.#loadRecord(hash, buf, start, end);
    }
    const entry = this.#overlay.addRecord(hash, buf, start, end);
    this.#setPrevious(entry, ref);
    entry.state = OVERLAY_KNOWN;
    return entry;
  }

  #setPrevious(entry: OverlayEntry, ref: Ref): void {
    const existed = ref !== 0 && (this.#cache.flagsOf(ref) & FLAG_ABSENT) === 0;
    entry.setPrevious(ref, existed, existed ? this.#cache.sizeOf(ref) : 0);
    if (existed && entry.pageFlag === 0) entry.hadExpiry = this.#cache.hasExpiry(ref);
  }

  #loadRecord(hash: number, buf: Buffer, start: number, end: number): OverlayEntry {
    const space = this.#activeSpace();
    const databaseKey = recordKey(space.generation, hash, { buf, start, end });
    if (this.#misses.mustMiss()) {
      const key = Buffer.from(buf.subarray(start, end));
      this.#misses.missEntry({ space, pageFlag: 0, hash, key, databaseKey });
    }
    const value = this.#reads.readSync(databaseKey);
    const entry = this.#overlay.addRecord(hash, buf, start, end);
    this.#setLoaded(entry, value);
    return entry;
  }

  #findPage(tree: TreeId, page: PageNumber, lookBeforeEnd: number): Ref {
    if (this.#isFlushed) return 0;
    this.#pageKey.set(tree, page);
    return this.#cache.index.findPage(this.#activeSpace().generation, this.#pageKey, lookBeforeEnd);
  }

  #loadPage(tree: TreeId, page: PageNumber): OverlayEntry {
    const space = this.#activeSpace();
    const databaseKey = pageKey(space.generation, tree, page);
    if (this.#misses.mustMiss()) {
      const key = Buffer.allocUnsafe(PAGE_KEY_BYTES);
      writePageKey(key, tree, page);
      this.#misses.missEntry({ space, pageFlag: FLAG_PAGE, hash: hashPage(tree, page), key, databaseKey });
    }
    const value = this.#reads.readSync(databaseKey);
    if (value === undefined) throw this.#lostPage(tree, page);
    const entry = this.#overlay.addPage(tree, page);
    this.#setLoaded(entry, value);
    return entry;
  }

  #setLoaded(entry: OverlayEntry, value: Buffer | undefined): void {
    this.#overlay.hasLoaded = true;
    entry.state = OVERLAY_LOADED;
    entry.setWhole(value ?? EMPTY);
    entry.setPrevious(0, value !== undefined, value === undefined ? 0 : entry.keyEnd - entry.keyStart + value.length);
    if (entry.pageFlag === 0) entry.hadExpiry = value !== undefined && hasRecordExpiry(value, 0);
  }

  /** The overlay's entry of a page that is about to be written. Whether the database has it does not matter. */
  #pageToChange(tree: TreeId, page: PageNumber): OverlayEntry {
    const known = this.#overlay.findPage(tree, page);
    if (known !== undefined) return known;
    const entry = this.#overlay.addPage(tree, page);
    this.#setPrevious(entry, this.#findPage(tree, page, 0));
    return entry;
  }

  /** Makes a page editable that is not, or whose memory lacks the room. */
  #startEdit(tree: TreeId, page: PageNumber, change: PageChange): OverlayEntry {
    const view = this.#view;
    let entry = this.#overlay.findPage(tree, page);
    const ref = entry === undefined ? this.#findPage(tree, page, 0) : 0;
    if (ref !== 0 && this.#cache.view(ref, view)) {
      entry = this.#overlay.addPage(tree, page);
      this.#setPrevious(entry, ref);
      const isInPlace = this.#edits.editInPlace(this.#activeSpace(), entry, change);
      if (!isInPlace) this.#edits.editCopy(entry, view, change.capacity);
    } else {
      this.readPage(tree, page, view);
      entry = this.#pageToChange(tree, page);
      this.#edits.editCopy(entry, view, change.capacity);
    }
    entry.state = OVERLAY_WRITTEN;
    this.#hasWrites = true;
    return entry;
  }

  #isNew(tree: TreeId): boolean {
    return this.#isFlushed || tree >= this.#activeSpace().flushed.nextTreeId;
  }

  #lostPage(tree: TreeId, page: PageNumber): OperatingError {
    const { table, slot, generation } = this.#activeSpace();
    return new OperatingError(
      "StoreCorrupt",
      `page ${page} of tree ${tree} of table ${table}, slot ${slot} is missing: restore this node from its replicas`,
      { data: { table, slot, generation, tree, page } },
    );
  }
}

function noteExpiry(space: SlotSpace, expireAtMs: number): void {
  if (expireAtMs < space.dirtyExpiryMs) space.dirtyExpiryMs = expireAtMs;
}

function viewOf(entry: OverlayEntry, out: View): boolean {
  if (!entry.isPresent) return false;
  entry.view(out);
  return true;
}
