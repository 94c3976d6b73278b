/**
 * Reads of what is not cached: on this thread, measured, or on the thread pool, gathered.
 * Invariant: what the pool read enters the cache only if no flush of the slot ended meanwhile and the slot is still in
 * the same generation: otherwise the database may have been older than what was evicted since, and the command that
 * wanted it simply misses again.
 */

import type { Clock } from "../base/clock.ts";
import { recordRange } from "./key-codec.ts";
import { FIRST_READ_MODE, nextReadMode, type ReadMode } from "./read-mode.ts";
import type { RecordCache } from "./record-cache.ts";
import { RecordPack } from "./record-pack.ts";
import type { SlotSpace } from "./slot-space.ts";
import type { Store } from "./store.ts";

/** While reads are asynchronous, every so manieth is made here all the same, to see whether the disk became fast: at 1 ms
 * a read that costs 2 µs for each miss. */
const PROBE_EVERY = 512;
/** Ticks of the flusher during which a slot whose range was read is not frozen. */
const SCAN_HOLD_TICKS = 8;
/** Entries read from an iterator at a time. */
const RANGE_SLICE = 1024;

/**
 * Slots whose range is kept after a scan, for the next call of SCAN: many walks go on at once, and the memory does not
 * grow with the number of slots that were ever scanned.
 */
const MAX_KEPT_RANGES = 64;

/** A record or page that a command missed. */
export interface MissedEntry {
  readonly space: SlotSpace;
  readonly pageFlag: number;
  readonly hash: number;
  /** The key as the cache knows it. */
  readonly key: Buffer;
  readonly databaseKey: Buffer;
}

interface Wanted extends MissedEntry {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ReadPath {
  mode: ReadMode = FIRST_READ_MODE;
  syncReadCount = 0;
  asyncReadCount = 0;
  readonly #store: Store;
  readonly #cache: RecordCache;
  readonly #clock: Clock;
  readonly #fatal: (error: unknown) => void;
  readonly #poolReads: number;
  #isStopped = false;
  #missCount = 0;
  #waiting: Wanted[] = [];
  #inFlightCount = 0;
  #isScheduled = false;
  /** Slots whose range may be loaded, the latest last. */
  readonly #withRange = new Set<SlotSpace>();
  /** Set while the database is closed for a reopen: only the pool's reads can wait for it. */
  #paused: { readonly resumed: Promise<void>; readonly resume: () => void } | undefined;

  /** @param options.poolReads reads that are with the thread pool at once; more wait here, gathered. */
  constructor(
    options: { readonly poolReads: number },
    deps: {
      readonly store: Store;
      readonly cache: RecordCache;
      readonly clock: Clock;
      /** The database failed: ends the node. */
      readonly fatal: (error: unknown) => void;
    },
  ) {
    this.#poolReads = options.poolReads;
    this.#store = deps.store;
    this.#cache = deps.cache;
    this.#clock = deps.clock;
    this.#fatal = deps.fatal;
  }

  /** Whether the next read should be thrown as a MISS rather than made here. */
  shouldMiss(isForcedSync: boolean): boolean {
    if (this.#paused !== undefined) return true;
    if (isForcedSync || !this.mode.isAsynchronous) return false;
    return ++this.#missCount % PROBE_EVERY !== 0;
  }

  /** The database is about to be closed and opened again: reads wait. */
  pause(): void {
    if (this.#paused !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#paused = { resumed: promise, resume: resolve };
  }

  resume(): void {
    this.#paused?.resume();
    this.#paused = undefined;
  }

  /** The database is about to be closed for good: reads that fail then mean nothing. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Reads one value here and now; one that fails ends the node. */
  readSync(key: Buffer): Buffer | undefined {
    const startMs = this.#clock.monotonicMs();
    let value: Buffer | undefined;
    try {
      value = this.#store.getSync(key);
    } catch (error) {
      throw this.#failed(error);
    }
    this.mode = nextReadMode(this.mode, (this.#clock.monotonicMs() - startMs) * 1000);
    this.syncReadCount++;
    return value;
  }

  /** Reads one missed entry on the pool, together with what else is missed in this turn; resolves when it is cached. */
  load(missed: MissedEntry): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ ...missed, resolve, reject });
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#dispatch();
      });
    }
    return promise;
  }

  /** Reads the slot's next `limit` records from `fromHash` on and keeps them for the scan that missed them. */
  async loadRange(space: SlotSpace, fromHash: number, limit: number): Promise<void> {
    await this.#paused?.resumed;
    const { generation, settleCount } = space;
    space.holdUntilTick = this.#cache.dirty.tick + SCAN_HOLD_TICKS;
    const iterator = this.#store.iterate(recordRange(generation, fromHash, limit));
    const pack = new RecordPack();
    try {
      for (;;) {
        const slice = await iterator.next(RANGE_SLICE);
        if (slice.length === 0) break;
        for (const entry of slice) pack.add(entry);
      }
    } catch (error) {
      throw this.#failed(error);
    } finally {
      await iterator.close();
    }
    space.range = { generation, settleCount, fromHash, limit, pack };
    this.#forgetRanges(space);
  }

  /** A database that cannot be read may be broken: the node ends, as after a failed sync. */
  #failed(error: unknown): unknown {
    if (!this.#isStopped) this.#fatal(error);
    return error;
  }

  /** Only the ranges read lately are kept. */
  #forgetRanges(latest: SlotSpace): void {
    this.#withRange.delete(latest);
    this.#withRange.add(latest);
    for (const space of this.#withRange) {
      if (this.#withRange.size <= MAX_KEPT_RANGES) return;
      space.range = undefined;
      this.#withRange.delete(space);
    }
  }

  #dispatch(): void {
    while (this.#waiting.length > 0 && this.#inFlightCount < this.#poolReads) {
      const share = Math.ceil(this.#waiting.length / (this.#poolReads - this.#inFlightCount));
      const batch = this.#waiting.splice(0, share);
      this.#inFlightCount++;
      void this.#read(batch).finally(() => {
        this.#inFlightCount--;
        this.#dispatch();
      });
    }
  }

  async #read(batch: readonly Wanted[]): Promise<void> {
    try {
      await this.#paused?.resumed;
      const settleCounts = batch.map(({ space }) => space.settleCount);
      const generations = batch.map(({ space }) => space.generation);
      const values = await this.#store.getMany(batch.map(({ databaseKey }) => databaseKey));
      this.asyncReadCount += batch.length;
      for (const [i, wanted] of batch.entries()) {
        const { space, pageFlag, hash, key } = wanted;
        const generation = space.generation;
        if (settleCounts[i] !== space.settleCount || generations[i] !== generation || space.isDropped) continue;
        this.#cache.insertRead({ generation, pageFlag, hash, key, value: values[i] });
      }
      this.#cache.trim();
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
