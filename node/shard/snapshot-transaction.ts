/**
 * A Transaction that only reads, over the database at one moment: for the digest of a slot, which commands' own code
 * makes. Nothing is cached and nothing misses.
 * Refuses by assertion to write.
 */

import { AssertionError } from "../base/assert.ts";
import { OperatingError } from "../base/errors.ts";
import { type HashKey, hash32 } from "../base/hash.ts";
import { Prng } from "../base/prng.ts";
import { type Generation, pageKey, recordKey } from "../engine/key-codec.ts";
import type { SlotRecord } from "../engine/slot-record.ts";
import type { StoreSnapshot } from "../engine/store.ts";
import type { PageNumber, Transaction, TreeId, View } from "../engine/transaction.ts";

export interface SnapshotPlace {
  readonly snapshot: StoreSnapshot;
  readonly generation: Generation;
  readonly hashKey: HashKey;
  readonly nowMs: number;
  readonly counts: Pick<SlotRecord, "keyCount" | "expiringCount">;
}

export class SnapshotTransaction implements Transaction {
  readonly nowMs: number;
  readonly random = new Prng(0);
  readonly hashKey: HashKey;
  readonly #place: SnapshotPlace;

  constructor(place: SnapshotPlace) {
    this.#place = place;
    this.nowMs = place.nowMs;
    this.hashKey = place.hashKey;
  }

  readRecord(buf: Buffer, start: number, end: number, out: View): boolean {
    const { snapshot, generation } = this.#place;
    const value = snapshot.getSync(recordKey(generation, hash32(this.hashKey, buf, start, end), { buf, start, end }));
    if (value === undefined) return false;
    show(value, out);
    return true;
  }

  readPage(tree: TreeId, page: PageNumber, out: View): void {
    const { snapshot, generation } = this.#place;
    const value = snapshot.getSync(pageKey(generation, tree, page));
    if (value === undefined) throw new OperatingError("StoreCorrupt", `page ${page} of tree ${tree} is missing`);
    show(value, out);
  }

  recordCount(): number {
    return this.#place.counts.keyCount;
  }

  expiringCount(): number {
    return this.#place.counts.expiringCount;
  }

  writeRecord(): void {
    refuse();
  }

  deleteRecord(): void {
    refuse();
  }

  newTreeId(): TreeId {
    return refuse();
  }

  writePage(): void {
    refuse();
  }

  editPage(): View {
    return refuse();
  }

  deletePage(): void {
    refuse();
  }

  discardTree(): void {
    refuse();
  }

  scanRecords(): number {
    return refuse();
  }

  flushAll(): void {
    refuse();
  }
}

function show(value: Buffer, out: View): void {
  out.buf = value;
  out.start = 0;
  out.end = value.length;
}

function refuse(): never {
  throw new AssertionError("a snapshot is only read, record by record");
}
