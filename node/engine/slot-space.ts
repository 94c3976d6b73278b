/**
 * The state of one slot's data on this node: generation, applied position, counts, and what of it is not yet in the
 * database. A plain object without timers; what only a busy slot needs is made when it is needed.
 *
 * Invariants
 * - `flushed` is exactly what the database's slot record says (or would say: a slot that was never flushed has none).
 * - A dirty entry is in `dirty` when its parity flag equals `parity`, else in `frozen.list`.
 * - `isComplete` means: every record and page of the generation is cached, so what is not cached does not exist.
 */

import { assert } from "../base/assert.ts";
import type { HashKey } from "../base/hash.ts";
import { FLAG_PARITY } from "./cache-entry.ts";
import type { DirtyList, EarlyWrites } from "./dirty-list.ts";
import type { Generation } from "./key-codec.ts";
import type { RecordPack } from "./record-pack.ts";
import type { SlotRecord } from "./slot-record.ts";
import type { TreeId } from "./transaction.ts";

/** A slot's dirty set at one applied index, on its way to the database. */
export interface FrozenSet {
  readonly list: DirtyList;
  /** What the slot record will say with it. */
  readonly record: SlotRecord;
  readonly droppedTrees: ReadonlySet<TreeId>;
  readonly droppedGenerations: readonly Generation[];
  /** Entries of the expiry index that are of no more use. */
  readonly staleExpiryKeys: readonly Buffer[];
  /** The earliest expiry among what it writes. */
  nextExpiryMs: number;
  /** Entries that changed after the freeze, as they were at the freeze. */
  readonly early: EarlyWrites;
  /** `held` waits for its turn, `encoding` is being put into a batch, `writing` is with the database. */
  phase: "held" | "encoding" | "writing";
  /** The slot's data was dropped or switched to another generation meanwhile: must not be written (or settled). */
  isAbandoned: boolean;
}

/** A piece of the slot's records as the database has them, read for a scan. */
export interface LoadedRange {
  readonly generation: Generation;
  /** The slot's `settleCount` when the read began: where it has grown the piece may be out of date. */
  readonly settleCount: number;
  readonly fromHash: number;
  readonly limit: number;
  readonly pack: RecordPack;
}

export interface SlotIdentity {
  readonly table: number;
  readonly slot: number;
  /** Orders the slot's records; the table's. */
  readonly hashKey: HashKey;
}

export class SlotSpace {
  readonly table: number;
  readonly slot: number;
  readonly hashKey: HashKey;
  replica: number;
  generation: Generation;
  appliedIndex: number;
  appliedTerm: number;
  appliedCrc: number;
  /** Never goes back. Milliseconds since 1970. */
  nowMs: number;
  keyCount: number;
  /** Keys that have an expiry, collected or not. */
  expiringCount: number;
  nextTreeId: number;
  /** Keys and values of records and pages, estimated. */
  sizeBytes: number;
  isComplete: boolean;
  parity = 0;
  dirty: DirtyList | undefined;
  frozen: FrozenSet | undefined;
  droppedTrees: TreeId[] = [];
  droppedGenerations: Generation[] = [];
  flushed: SlotRecord;
  /** Whether it waits in the queue of slots that differ from the database, and since which tick. */
  isQueued = false;
  queuedSinceTick = 0;
  /** Grows whenever dirty entries became clean: what was read from the database before may be out of date. */
  settleCount = 0;
  /** No freeze before this tick, so that a scan that read a piece can use it. */
  holdUntilTick = 0;
  range: LoadedRange | undefined;
  /** No expiry entry in the database is due before this: 0 where that is not known yet. Milliseconds since 1970. */
  nextExpiryMs = 0;
  /** No dirty record expires before this. Milliseconds since 1970. */
  dirtyExpiryMs = Number.POSITIVE_INFINITY;
  /** Entries of the expiry index to be deleted by the next flush, and where the expirer goes on behind them. */
  staleExpiryKeys: Buffer[] = [];
  expiryCursor: Buffer | undefined;
  /** Whether the database may have marks of dropped trees in the generation. */
  mayHaveDroppedTrees = false;
  isDropped = false;

  constructor(identity: SlotIdentity, record: SlotRecord, isComplete: boolean) {
    this.table = identity.table;
    this.slot = identity.slot;
    this.hashKey = identity.hashKey;
    this.replica = record.replica;
    this.generation = record.generation;
    this.appliedIndex = record.applied.index;
    this.appliedTerm = record.applied.term;
    this.appliedCrc = record.applied.crc;
    this.nowMs = record.nowMs;
    this.keyCount = record.keyCount;
    this.expiringCount = record.expiringCount;
    this.nextTreeId = record.nextTreeId;
    this.sizeBytes = record.sizeBytes;
    this.isComplete = isComplete;
    this.flushed = record;
  }

  /** Bytes of entries that no freeze has taken yet. */
  get dirtyBytes(): number {
    return this.dirty?.sizeBytes ?? 0;
  }

  /**
   * The log's entry `index` and all before it are contained in the data as they are now. Called after the commit
   * of the entry, in the same turn; `nowMs` is the entry's.
   */
  setApplied(index: number, term: number, crc: number): void {
    assert(index > this.appliedIndex, "the applied index only grows");
    this.appliedIndex = index;
    this.appliedTerm = term;
    this.appliedCrc = crc;
  }

  /** The slot's time goes on to `nowMs`, never back. */
  advanceTime(nowMs: number): void {
    if (nowMs > this.nowMs) this.nowMs = nowMs;
  }

  /** The slot record as of now. */
  toRecord(): SlotRecord {
    return {
      replica: this.replica,
      generation: this.generation,
      applied: { index: this.appliedIndex, term: this.appliedTerm, crc: this.appliedCrc },
      nowMs: this.nowMs,
      keyCount: this.keyCount,
      expiringCount: this.expiringCount,
      nextTreeId: this.nextTreeId,
      sizeBytes: Math.max(0, this.sizeBytes),
    };
  }

  /** The slot has just been given a new generation. */
  startEmpty(): void {
    this.keyCount = 0;
    this.expiringCount = 0;
    this.sizeBytes = 0;
    this.isComplete = true;
    this.droppedTrees = [];
    this.range = undefined;
    this.settleCount = 0;
    this.nextExpiryMs = Number.POSITIVE_INFINITY;
    this.dirtyExpiryMs = Number.POSITIVE_INFINITY;
    this.staleExpiryKeys = [];
    this.expiryCursor = undefined;
    this.mayHaveDroppedTrees = false;
  }

  /** Goes back to what the slot record in the database says. The entries are the caller's concern. */
  restoreFlushed(): void {
    const { flushed } = this;
    this.generation = flushed.generation;
    this.appliedIndex = flushed.applied.index;
    this.appliedTerm = flushed.applied.term;
    this.appliedCrc = flushed.applied.crc;
    this.nowMs = flushed.nowMs;
    this.keyCount = flushed.keyCount;
    this.expiringCount = flushed.expiringCount;
    this.nextTreeId = flushed.nextTreeId;
    this.sizeBytes = flushed.sizeBytes;
    this.isComplete = false;
    this.nextExpiryMs = 0;
    this.dirtyExpiryMs = Number.POSITIVE_INFINITY;
    this.staleExpiryKeys = [];
    this.expiryCursor = undefined;
    this.mayHaveDroppedTrees = true;
    this.droppedTrees = [];
    this.droppedGenerations = [];
    this.range = undefined;
    this.settleCount++;
  }

  /** The list that holds a dirty entry with these flags. */
  listOf(flags: number): DirtyList {
    const list = (flags & FLAG_PARITY) === this.parity ? this.dirty : this.frozen?.list;
    assert(list !== undefined, "a dirty entry is in a list of its slot");
    return list;
  }
}
