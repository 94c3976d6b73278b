/**
 * Writes back: brings the dirty records of slots to the database, each slot's together with its slot record in one
 * atomic batch (DESIGN §4.5). The loop is never stalled: a dirty set is frozen, encoded in slices between turns,
 * written by LevelDB's thread, and marked clean in slices.
 *
 * Invariants
 * - A batch is written only after the log durably has all that was executed before the freeze (`LogGate`).
 * - Every batch is written with `sync`. LevelDB 1.20 closes a full log file without syncing it, so a later synced
 *   batch would not cover it: after a power loss a slot's older batch could be missing behind a newer one
 *   (docs/decisions/0010-every-flush-is-synced.md). So what is flushed is durable.
 * - One job at a time. A slot is in at most one.
 * - A full disk loses nothing: what could not be written is dirty again, and the database is opened anew once there is
 *   room. Any other failure of the database ends in `fatal`.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { OperatingError } from "../base/errors.ts";
import { assembleBatch, type FlushPart } from "./flush-job.ts";
import { Pace } from "./pace.ts";
import type { ReadPath } from "./read-path.ts";
import type { RecordCache } from "./record-cache.ts";
import type { FrozenSet, SlotSpace } from "./slot-space.ts";
import type { Store } from "./store.ts";

/** The log, as the flusher needs it: the database never knows what the log does not. */
export interface LogGate {
  /**
   * Resolves once all that was executed before the call is appended and durable, and with it what `spaces` had
   * applied. Rejects with the OperatingError `LogRefused` where an append failed, now or since they were frozen: the
   * flush is put off; any other error ends the node.
   */
  syncExecuted(spaces: readonly AppliedSpace[]): Promise<void>;
}

/** A slot, and the index of the last entry that what is to be written of it has. */
export interface AppliedSpace {
  readonly table: number;
  readonly slot: number;
  readonly index: number;
}

export interface FlusherOptions {
  /** Rounds of looking at what is due. */
  readonly tickMs: number;
  /** Rounds after which a slot is flushed: some seconds, since rewriting hot records costs more than all else. */
  readonly ageTicks: number;
  /** A slot is flushed when it has more dirty bytes than this, so that no batch is much larger. */
  readonly slotDirtyBytes: number;
  /** Dirty bytes of the node at which writes have to wait. */
  readonly dirtyLimitBytes: number;
}

export interface FlusherDeps {
  readonly store: Store;
  readonly cache: RecordCache;
  readonly reads: ReadPath;
  readonly clock: Clock;
  readonly log: LogGate;
  /** Encodes the node's counters; part of every batch. */
  readonly counters: () => Buffer;
  /** The highest applied index that may be flushed now; replication holds a slot back with it. */
  readonly ceilingOf: (space: SlotSpace) => number;
  /** Asked after StoreFull, before the database is opened anew: whether the disk has room, which this may make. */
  readonly hasRoom: () => boolean;
  /** The database failed: ends the node. */
  readonly fatal: (error: unknown) => void;
}

/** Several slots share a batch up to this size: a node with many busy slots has few syncs. */
const JOB_BYTES = 1024 * 1024;
/** Share of the dirty limit above which ages and ceilings no longer hold a flush back. */
const PRESSURE = 0.5;
const CEILING_PRESSURE = 0.75;
/** The longest delay of a write, when the dirty limit is reached. */
const MAX_WRITE_DELAY_MS = 50;
/** Between two attempts to open the database after StoreFull. */
const REOPEN_TICKS = 8;

export class Flusher {
  flushCount = 0;
  flushedBytes = 0;
  /** Whether the disk was full at the last attempt: writes are refused meanwhile. */
  isFull = false;
  readonly #options: FlusherOptions;
  readonly #deps: FlusherDeps;
  #timer: Timer | undefined;
  #isRunning = false;
  #isStopped = false;
  #isScheduled = false;
  #running: Promise<void> = Promise.resolve();
  #held: SlotSpace[] = [];
  #reopenAtTick = 0;
  #isFailed = false;

  constructor(options: FlusherOptions, deps: FlusherDeps) {
    this.#options = options;
    this.#deps = deps;
    deps.cache.dirty.slotLimitBytes = options.slotDirtyBytes;
    deps.cache.dirty.limitBytes = PRESSURE * options.dirtyLimitBytes;
    deps.cache.dirty.onLimit = () => this.#schedule();
  }

  start(): void {
    this.#timer = this.#deps.clock.after(this.#options.tickMs, () => {
      this.#deps.cache.dirty.tick++;
      this.#deps.cache.trim();
      this.#run();
      if (!this.#isStopped) this.start();
    });
  }

  /** Ends after the job under way; what is dirty stays so. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Runs `work` while no job is under way; what it awaits holds up the jobs behind it. */
  async runAlone(work: () => void | Promise<void>): Promise<void> {
    await this.#exclusively(async () => work());
  }

  /** How long a write should wait before it is executed, in ms: 0 up to half of the dirty limit, then growing. */
  writeDelayMs(): number {
    const load = this.#deps.cache.dirty.sizeBytes / this.#options.dirtyLimitBytes;
    if (load <= PRESSURE) return 0;
    return MAX_WRITE_DELAY_MS * Math.min(1, (load - PRESSURE) / (1 - PRESSURE)) ** 2;
  }

  /** Flushes the slot as it is now, ceilings aside. Rejects with StoreFull where the disk is full. */
  async flush(space: SlotSpace): Promise<void> {
    await this.#flushAllOf([space]);
  }

  /** Flushes every slot as it is now. Rejects with StoreFull where the disk is full. */
  async flushAll(): Promise<void> {
    await this.#flushAllOf([...this.#held, ...this.#deps.cache.dirty.queue]);
  }

  async #flushAllOf(spaces: readonly SlotSpace[]): Promise<void> {
    const held: SlotSpace[] = [];
    await this.#flushEach([...new Set(spaces)], held);
    // What changed in them after they were frozen. What is frozen by now has all that was dirty at the call.
    await this.#flushEach(held, []);
  }

  /** Flushes what is frozen of each slot, else all that is dirty of it; adds to `held` those that were frozen. */
  async #flushEach(spaces: readonly SlotSpace[], held: SlotSpace[]): Promise<void> {
    const { dirty } = this.#deps.cache;
    for (let at = 0; at < spaces.length; ) {
      await this.#exclusively(async () => {
        if (this.isFull && !(await this.#reopen())) return;
        const job: FlushPart[] = [];
        for (let bytes = 0; at < spaces.length && bytes < JOB_BYTES; at++) {
          const space = spaces[at] as SlotSpace;
          if (space.frozen !== undefined) held.push(space);
          const frozen = this.#take(space);
          if (frozen === undefined) continue;
          job.push({ space, frozen });
          bytes += frozen.list.sizeBytes;
        }
        dirty.queue = dirty.queue.filter(({ isQueued }) => isQueued);
        await this.#flushJob(job);
      });
      if (this.isFull) throw new OperatingError("StoreFull", "the disk is full: what is dirty could not be written");
      if (this.#isFailed) throw new OperatingError("StoreFailed", "what is dirty could not be written");
    }
  }

  /** Freezes a slot, or takes what is frozen already and held. Undefined where it has nothing to flush. */
  #take(space: SlotSpace): FrozenSet | undefined {
    if (space.isDropped) return undefined;
    if (space.frozen !== undefined) {
      this.#held = this.#held.filter((other) => other !== space);
      return space.frozen;
    }
    return space.isQueued ? this.#deps.cache.dirty.freeze(space) : undefined;
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    const before = this.#running;
    const done = before.then(work);
    this.#running = done.catch(() => {});
    await done;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isRunning || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#isRunning || this.#isStopped || this.#isFailed) return;
    this.#isRunning = true;
    void this.#exclusively(async () => {
      if (this.isFull && (this.#deps.cache.dirty.tick < this.#reopenAtTick || !(await this.#reopen()))) return;
      while (!this.isFull && !this.#isStopped) {
        const job = this.#nextJob();
        if (job.length === 0) break;
        await this.#flushJob(job);
      }
    })
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  /** Freezes what is due and gathers up to JOB_BYTES of it. */
  #nextJob(): readonly FlushPart[] {
    const { dirty } = this.#deps.cache;
    const job: FlushPart[] = [];
    let bytes = 0;
    const stillHeld: SlotSpace[] = [];
    const offer = (space: SlotSpace, frozen: FrozenSet) => {
      if (bytes < JOB_BYTES && this.#mayWrite(space, frozen)) {
        job.push({ space, frozen });
        bytes += frozen.list.sizeBytes;
      } else {
        stillHeld.push(space);
      }
    };
    for (const space of this.#held) if (space.frozen !== undefined) offer(space, space.frozen);
    const waiting: SlotSpace[] = [];
    for (const space of dirty.queue) {
      if (space.isDropped) continue;
      if (bytes >= JOB_BYTES || !this.#isDue(space)) {
        waiting.push(space);
        continue;
      }
      offer(space, dirty.freeze(space));
    }
    dirty.queue = waiting;
    this.#held = stillHeld;
    return job;
  }

  #isDue(space: SlotSpace): boolean {
    if (space.frozen !== undefined) return false;
    const { dirty } = this.#deps.cache;
    if (space.dirtyBytes > this.#options.slotDirtyBytes) return true;
    if (dirty.sizeBytes > PRESSURE * this.#options.dirtyLimitBytes) return true;
    if (space.holdUntilTick > dirty.tick) return false;
    return dirty.tick - space.queuedSinceTick >= this.#options.ageTicks;
  }

  #mayWrite(space: SlotSpace, frozen: FrozenSet): boolean {
    if (frozen.record.applied.index <= this.#deps.ceilingOf(space)) return true;
    if (space.dirtyBytes > this.#options.slotDirtyBytes) return true;
    return this.#deps.cache.dirty.sizeBytes > CEILING_PRESSURE * this.#options.dirtyLimitBytes;
  }

  async #flushJob(job: readonly FlushPart[]): Promise<void> {
    if (job.length === 0) return;
    const { store, cache, log } = this.#deps;
    let written: readonly FlushPart[] = job;
    try {
      const assembled = await assembleBatch(job, this.#deps);
      written = assembled.parts;
      if (written.length === 0) return;
      await log.syncExecuted(written.map(toApplied));
      await store.write(assembled.batch, { sync: true });
      this.flushCount++;
      this.flushedBytes += assembled.batch.sizeBytes;
    } catch (error) {
      for (const { space, frozen } of written) if (space.frozen === frozen) cache.dirty.thaw(space, frozen);
      this.#refused(error);
      return;
    }
    for (const part of written) await this.#settle(part);
    cache.trim();
  }

  /** The database has a slot's frozen set: what has not changed since is clean. */
  async #settle({ space, frozen }: FlushPart): Promise<void> {
    const { cache, clock } = this.#deps;
    space.flushed = frozen.record;
    space.settleCount++;
    if (frozen.droppedTrees.size > 0) space.mayHaveDroppedTrees = true;
    if (frozen.nextExpiryMs < space.nextExpiryMs && !frozen.isAbandoned) {
      space.nextExpiryMs = frozen.nextExpiryMs;
      space.expiryCursor = undefined;
    }
    const pace = new Pace(clock);
    for (let position = 0; position < frozen.list.count && !frozen.isAbandoned; position++) {
      const ref = cache.dirty.clean(frozen, position);
      if (ref !== 0) cache.settled(space, frozen, ref);
      if (pace.isDue(position)) await pace.nextTurn();
    }
    space.frozen = undefined;
  }

  #refused(error: unknown): void {
    if (error instanceof OperatingError && error.code === "StoreFull") {
      this.isFull = true;
      this.#reopenAtTick = this.#deps.cache.dirty.tick + 1;
    } else if (!(error instanceof OperatingError && error.code === "LogRefused")) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#isFailed = true;
    this.#deps.fatal(error);
  }

  /** Closes and opens the database, which refuses all writes after a full disk until then. */
  async #reopen(): Promise<boolean> {
    const { store, reads, hasRoom, cache } = this.#deps;
    if (!hasRoom()) return false;
    this.#reopenAtTick = cache.dirty.tick + REOPEN_TICKS;
    reads.pause();
    try {
      await store.close();
      await store.open();
    } catch (error) {
      if (error instanceof OperatingError && error.code === "StoreFull") return false;
      throw error;
    }
    this.isFull = false;
    reads.resume();
    return true;
  }
}

function toApplied({ space: { table, slot }, frozen }: FlushPart): AppliedSpace {
  return { table, slot, index: frozen.record.applied.index };
}
