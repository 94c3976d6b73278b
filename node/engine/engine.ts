/**
 * The node's data: one database, one cache in front of it, the slots' states, and what runs behind them (flusher,
 * garbage collector, expirer). Those who execute log entries use it like this:
 *
 *   const space = engine.openSlot({ table, slot, hashKey }, replica)
 *   const tx = engine.begin(space, nowMs, seed)
 *   try { run the command on tx } catch MISS → tx.rollback(), await tx.loadMissed(), again
 *   if (tx.commit()) append the entry; space.setApplied(index, term, crc); space.advanceTime(nowMs)
 *
 * Invariants: one transaction at a time, from `begin` to its end in one turn; a generation is never used twice.
 */

import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { readU64, writeU64 } from "../base/u64.ts";
import type { DirtyList } from "./dirty-list.ts";
import { DirtyTracker } from "./dirty-tracker.ts";
import { chunkBytesFor, type EngineOptions } from "./engine-options.ts";
import { Expirer } from "./expirer.ts";
import { Flusher, type FlusherDeps, type LogGate } from "./flusher.ts";
import { GarbageCollector } from "./garbage.ts";
import {
  countersKey,
  droppedGenerationKey,
  type Generation,
  incomingGenerationKey,
  incomingGenerationRange,
  parseDroppedGenerationKey,
  parseSlotKey,
  slotKey,
  slotKeyRange,
} from "./key-codec.ts";
import { OverlayTransaction } from "./overlay-transaction.ts";
import { ReadPath } from "./read-path.ts";
import { RecordCache } from "./record-cache.ts";
import { Slab } from "./slab.ts";
import { decodeSlotRecord, encodeSlotRecord, type SlotRecord } from "./slot-record.ts";
import { type SlotIdentity, SlotSpace } from "./slot-space.ts";
import type { Store } from "./store.ts";

const NOTHING = Buffer.alloc(0);
/** Slot records read at a time when the database is opened. */
const OPEN_SLICE = 1024;

export interface EngineDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: LogGate;
  readonly fatal: FlusherDeps["fatal"];
  /** See FlusherDeps; no ceiling when absent. */
  readonly ceilingOf?: FlusherDeps["ceilingOf"];
  /** See FlusherDeps; always when absent. */
  readonly hasRoom?: FlusherDeps["hasRoom"];
}

export interface EngineStats {
  readonly cacheBytes: number;
  readonly cacheEntries: number;
  readonly dirtyBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  readonly flushes: number;
  readonly flushedBytes: number;
  readonly isReadAsynchronous: boolean;
  readonly readAverageUs: number;
}

export interface StoredSlot {
  readonly table: number;
  readonly slot: number;
  readonly record: SlotRecord;
}

export class Engine {
  readonly flusher: Flusher;
  readonly garbage: GarbageCollector;
  readonly expirer: Expirer;
  readonly #store: Store;
  readonly #cache: RecordCache;
  readonly #reads: ReadPath;
  readonly #transaction: OverlayTransaction;
  /** By the low 32 bits of the generation: what the cache knows entries by. */
  readonly #byGeneration = new Map<number, SlotSpace>();
  readonly #spaces = new Map<string, SlotSpace>();
  #stored = new Map<string, StoredSlot>();
  #nextGeneration: Generation = 1;

  constructor(options: EngineOptions, deps: EngineDeps) {
    const { store, clock } = deps;
    const slab = new Slab(chunkBytesFor(options.cacheBytes));
    const dirty = new DirtyTracker(slab);
    const cache = new RecordCache(options, { slab, dirty, spaces: this.#byGeneration });
    const reads = new ReadPath(options, { store, cache, clock, fatal: deps.fatal });
    this.#store = store;
    this.#cache = cache;
    this.#reads = reads;
    this.#transaction = new OverlayTransaction({
      cache,
      reads,
      changes: { switchGeneration: (space) => this.#switchGeneration(space) },
    });
    this.flusher = new Flusher(options, {
      store,
      cache,
      reads,
      clock,
      log: deps.log,
      counters: () => this.#encodeCounters(),
      ceilingOf: deps.ceilingOf ?? (() => Number.POSITIVE_INFINITY),
      hasRoom: deps.hasRoom ?? (() => true),
      fatal: deps.fatal,
    });
    const background = { store, cache, clock, spaces: () => this.#spaces.values(), fatal: deps.fatal };
    this.garbage = new GarbageCollector(background);
    this.expirer = new Expirer({ ...background, begin: (space, nowMs, seed) => this.begin(space, nowMs, seed) });
  }

  /** Opens the database and reads what slots it has. */
  async open(): Promise<void> {
    await this.#store.open();
    const counters = this.#store.getSync(countersKey());
    if (counters !== undefined) this.#nextGeneration = readU64(counters, 0);
    const iterator = this.#store.iterate(slotKeyRange());
    for (;;) {
      const entries = await iterator.next(OPEN_SLICE);
      if (entries.length === 0) break;
      for (const { key, value } of entries) {
        const { table, slot } = parseSlotKey(key);
        this.#stored.set(nameOf(table, slot), { table, slot, record: decodeSlotRecord(value) });
      }
    }
    await iterator.close();
    await this.#dropIncoming();
  }

  /** Starts what runs in the background. */
  start(): void {
    this.flusher.start();
    this.garbage.start();
    this.expirer.start();
  }

  /** Flushes all that can be flushed and closes the database. Idempotent. */
  async close(): Promise<void> {
    await this.abandon();
    try {
      await this.flusher.flushAll();
    } finally {
      this.#reads.stop();
      await this.#store.close();
    }
  }

  /** Ends the background work without a flush, as a crash would, but for the database, which stays open. */
  async abandon(): Promise<void> {
    await Promise.all([this.expirer.stop(), this.garbage.stop(), this.flusher.stop()]);
  }

  /** Slots whose data the database has and that were not opened (or dropped) yet. */
  storedSlots(): readonly StoredSlot[] {
    return [...this.#stored.values()];
  }

  /** The state of an open slot. */
  slot(table: number, slot: number): SlotSpace | undefined {
    return this.#spaces.get(nameOf(table, slot));
  }

  /**
   * Opens a slot: with the data of that replica where the database has it, else empty. Data of another replica of
   * the slot is dropped. Nothing is written before the slot has data.
   */
  openSlot(identity: SlotIdentity, replica: number): SlotSpace {
    const name = nameOf(identity.table, identity.slot);
    assert(!this.#spaces.has(name), "a slot is opened once");
    const stored = this.#stored.get(name)?.record;
    this.#stored.delete(name);
    const isSame = stored?.replica === replica;
    const record = isSame ? stored : this.#newRecord(replica);
    const space = new SlotSpace(identity, record, !isSame || isEmpty(record));
    if (!isSame) space.nextExpiryMs = Number.POSITIVE_INFINITY;
    this.#spaces.set(name, space);
    this.#byGeneration.set(space.generation | 0, space);
    if (stored !== undefined && !isSame) {
      space.droppedGenerations.push(stored.generation);
      this.#cache.dirty.enqueue(space);
    }
    if (isSame) this.garbage.noteStored(space);
    return space;
  }

  /** Drops a slot's data, open or only stored; resolves when that is durable. The collector deletes it later. */
  async dropSlot(table: number, slot: number): Promise<void> {
    const name = nameOf(table, slot);
    const space = this.#spaces.get(name);
    const generations = new Set<Generation>();
    const stored = this.#stored.get(name);
    if (stored !== undefined) generations.add(stored.record.generation);
    this.#stored.delete(name);
    if (space !== undefined) {
      space.isDropped = true;
      this.#spaces.delete(name);
      this.#byGeneration.delete(space.generation | 0);
      await this.flusher.runAlone(() => {
        this.#cache.dirty.abandon(space);
        this.#cache.dirty.forget(space);
      });
      for (const generation of [space.flushed.generation, space.generation, ...space.droppedGenerations]) {
        generations.add(generation);
      }
    }
    if (generations.size === 0) return;
    const batch = this.#store.newBatch();
    batch.delete(slotKey(table, slot));
    for (const generation of generations) batch.put(droppedGenerationKey(generation), NOTHING);
    batch.put(countersKey(), this.#encodeCounters());
    await this.#store.write(batch, { sync: true });
    this.garbage.noteDropped();
  }

  /** A generation for a snapshot that is to be taken in: its keys are the caller's to write, until `adopt` or `discard`. */
  async newIncoming(): Promise<Generation> {
    const generation = this.#nextGeneration++;
    const batch = this.#store.newBatch();
    batch.put(incomingGenerationKey(generation), NOTHING);
    batch.put(countersKey(), this.#encodeCounters());
    // A counter that a loss of power takes back while the generation's keys stay would give the number out again.
    await this.#store.write(batch, { sync: true });
    return generation;
  }

  /** Gives an incoming generation to the collector. */
  async discard(generation: Generation): Promise<void> {
    const batch = this.#store.newBatch();
    batch.delete(incomingGenerationKey(generation));
    batch.put(droppedGenerationKey(generation), NOTHING);
    await this.#store.write(batch, { sync: false });
    this.garbage.noteDropped();
  }

  /**
   * The slot goes on with an incoming generation, as `record` says, durably and in one step. Nothing is executed on
   * the slot meanwhile; what it had is dropped.
   */
  async adopt(space: SlotSpace, record: SlotRecord): Promise<void> {
    await this.flusher.runAlone(async () => {
      const batch = this.#store.newBatch();
      for (const generation of [space.generation, space.flushed.generation, ...space.droppedGenerations]) {
        batch.put(droppedGenerationKey(generation), NOTHING);
      }
      batch.delete(incomingGenerationKey(record.generation));
      batch.put(slotKey(space.table, space.slot), encodeSlotRecord(record));
      batch.put(countersKey(), this.#encodeCounters());
      await this.#store.write(batch, { sync: true });
      space.flushed = record;
      this.#restore(space);
    });
    this.garbage.noteDropped();
  }

  /**
   * Starts the transaction on a slot; see OverlayTransaction. `nowMs`: the entry's for a write, max(wall clock,
   * the slot's) for a read.
   */
  begin(space: SlotSpace, nowMs: number, seed: number): OverlayTransaction {
    this.#transaction.begin(space, nowMs, seed);
    return this.#transaction;
  }

  /**
   * Takes a slot back to what the database has of it: the log refused what was executed since. The caller keeps
   * commands away from the slot until this resolves, and replays the log behind the applied index then.
   */
  async revert(space: SlotSpace): Promise<void> {
    const { generation } = space;
    await this.flusher.runAlone(() => this.#restore(space));
    if (generation !== space.generation) this.garbage.noteDropped();
  }

  /** The slot's applied index has moved without a change of its data: it is flushed too, or the log would be kept for it. */
  noteApplied(space: SlotSpace): void {
    this.#cache.dirty.enqueue(space);
  }

  /** What of the slot's log the database has durably: entries up to here are not needed for recovery. */
  durableIndex(space: SlotSpace): number {
    return space.flushed.applied.index;
  }

  get stats(): EngineStats {
    return {
      cacheBytes: this.#cache.sizeBytes,
      cacheEntries: this.#cache.index.count,
      dirtyBytes: this.#cache.dirty.sizeBytes,
      hits: this.#transaction.hitCount,
      misses: this.#transaction.missCount,
      evictions: this.#cache.evictionCount,
      flushes: this.flusher.flushCount,
      flushedBytes: this.flusher.flushedBytes,
      isReadAsynchronous: this.#reads.mode.isAsynchronous,
      readAverageUs: this.#reads.mode.averageUs,
    };
  }

  /** Snapshots that a crash interrupted. */
  async #dropIncoming(): Promise<void> {
    const iterator = this.#store.iterate(incomingGenerationRange());
    const marks = await iterator.next(OPEN_SLICE);
    await iterator.close();
    for (const { key } of marks) await this.discard(parseDroppedGenerationKey(key));
  }

  /** Makes the slot what `flushed` says, forgetting what is dirty (also what the expirer did just now). */
  #restore(space: SlotSpace): void {
    const { dirty } = this.#cache;
    this.#cache.dropListed(dirty.abandon(space));
    dirty.forget(space);
    this.#byGeneration.delete(space.generation | 0);
    space.restoreFlushed();
    this.#byGeneration.set(space.generation | 0, space);
  }

  #newRecord(replica: number): SlotRecord {
    return {
      replica,
      generation: this.#nextGeneration++,
      applied: { index: 0, term: 0, crc: 0 },
      nowMs: 0,
      keyCount: 0,
      expiringCount: 0,
      nextTreeId: 1,
      sizeBytes: 0,
    };
  }

  #switchGeneration(space: SlotSpace): readonly DirtyList[] {
    const abandoned = this.#cache.dirty.abandon(space);
    this.#byGeneration.delete(space.generation | 0);
    space.droppedGenerations.push(space.generation);
    space.generation = this.#nextGeneration++;
    this.#byGeneration.set(space.generation | 0, space);
    space.startEmpty();
    this.#cache.dirty.enqueue(space);
    this.garbage.noteDropped();
    return abandoned;
  }

  #encodeCounters(): Buffer {
    const counters = Buffer.allocUnsafe(8);
    writeU64(counters, 0, this.#nextGeneration);
    return counters;
  }
}

/** Whether the generation surely has neither records nor pages. */
function isEmpty(record: SlotRecord): boolean {
  return record.keyCount === 0 && record.sizeBytes === 0 && record.nextTreeId === 1;
}

function nameOf(table: number, slot: number): string {
  return `${table}/${slot}`;
}
