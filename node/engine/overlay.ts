/**
 * The overlay of a transaction: its entries, pooled, found by key. Few entries are searched one by one, many by a
 * table of hashes. Invariant: at most one entry for each record and page; `clear` keeps the memory for the next.
 */

import { hashPage } from "./cache-entry.ts";
import { OVERLAY_VOID, OverlayEntry } from "./overlay-entry.ts";
import type { PageNumber, TreeId } from "./transaction.ts";

/** Up to this many entries a search one by one is faster than the table. */
const LINEAR_ENTRIES = 8;
const FIRST_TABLE_PLACES = 64;
/** A larger pool is let go after the transaction that needed it. */
const MAX_POOLED_ENTRIES = 4096;

export class Overlay {
  count = 0;
  /** Whether an entry was loaded from the database. */
  hasLoaded = false;
  #pool: OverlayEntry[] = [];
  /** Entry number + 1 by hash, open addressing; used once there are more than LINEAR_ENTRIES. */
  #table = new Int32Array(0);
  #isIndexed = false;

  at(index: number): OverlayEntry {
    return this.#pool[index] as OverlayEntry;
  }

  /** The entries in use. */
  list(): OverlayEntry[] {
    return this.#pool.slice(0, this.count);
  }

  findRecord(hash: number, buf: Buffer, start: number, end: number): OverlayEntry | undefined {
    if (!this.#isIndexed) {
      for (let i = 0; i < this.count; i++) {
        const entry = this.#pool[i] as OverlayEntry;
        if (entry.hash === hash && isRecord(entry, buf, start, end)) return entry;
      }
      return undefined;
    }
    const mask = this.#table.length - 1;
    for (let at = hash & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const entry = this.#pool[(this.#table[at] as number) - 1] as OverlayEntry;
      if (entry.hash === hash && isRecord(entry, buf, start, end)) return entry;
    }
    return undefined;
  }

  findPage(tree: TreeId, page: PageNumber): OverlayEntry | undefined {
    if (!this.#isIndexed) {
      for (let i = 0; i < this.count; i++) {
        const entry = this.#pool[i] as OverlayEntry;
        if (entry.page === page && entry.tree === tree && entry.pageFlag !== 0) return entry;
      }
      return undefined;
    }
    const mask = this.#table.length - 1;
    for (let at = hashPage(tree, page) & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const entry = this.#pool[(this.#table[at] as number) - 1] as OverlayEntry;
      if (entry.page === page && entry.tree === tree && entry.pageFlag !== 0) return entry;
    }
    return undefined;
  }

  /** A new entry of a record that has none. */
  addRecord(hash: number, buf: Buffer, start: number, end: number): OverlayEntry {
    const entry = this.#take();
    entry.startRecord(hash, buf, start, end);
    if (this.count > LINEAR_ENTRIES) this.#index();
    return entry;
  }

  addPage(tree: TreeId, page: PageNumber): OverlayEntry {
    const entry = this.#take();
    entry.startPage(tree, page);
    if (this.count > LINEAR_ENTRIES) this.#index();
    return entry;
  }

  /** Voids the pages of a tree. */
  discardTree(tree: TreeId): void {
    for (let i = 0; i < this.count; i++) {
      const entry = this.at(i);
      if (entry.pageFlag !== 0 && entry.tree === tree) entry.state = OVERLAY_VOID;
    }
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) (this.#pool[i] as OverlayEntry).clear();
    this.count = 0;
    this.hasLoaded = false;
    if (!this.#isIndexed) return;
    this.#isIndexed = false;
    if (this.#pool.length > MAX_POOLED_ENTRIES) {
      this.#pool = [];
      this.#table = new Int32Array(0);
    }
  }

  #take(): OverlayEntry {
    let entry = this.#pool[this.count];
    if (entry === undefined) {
      entry = new OverlayEntry();
      this.#pool.push(entry);
    }
    this.count++;
    return entry;
  }

  /** Enters the last entry in the table, and all before it the first time or when the table grows. */
  #index(): void {
    let first = this.count - 1;
    if (!this.#isIndexed || 2 * this.count > this.#table.length) {
      let places = Math.max(FIRST_TABLE_PLACES, this.#table.length);
      while (places < 4 * this.count) places *= 2;
      if (places > this.#table.length) this.#table = new Int32Array(places);
      else this.#table.fill(0);
      first = 0;
      this.#isIndexed = true;
    }
    const mask = this.#table.length - 1;
    for (let i = first; i < this.count; i++) {
      let at = this.at(i).hash & mask;
      while (this.#table[at] !== 0) at = (at + 1) & mask;
      this.#table[at] = i + 1;
    }
  }
}

function isRecord(entry: OverlayEntry, buf: Buffer, start: number, end: number): boolean {
  if (entry.pageFlag !== 0 || entry.keyEnd - entry.keyStart !== end - start) return false;
  const { keyBuf } = entry;
  let at = entry.keyStart;
  for (let i = start; i < end; i++) if (keyBuf[at++] !== buf[i]) return false;
  return true;
}
