/**
 * Active expiry: removes records whose time is over, a few at a time: those that the database's expiry index names,
 * and those that are too young to be in the database.
 * Invariants
 * - Nothing visible changes: a record is removed only when its own expiry is at or before the slot's nowMs, which
 *   every later entry and read of the slot has passed. So the removal is local and never logged, and replicas agree.
 * - The index may be stale; the record decides. An entry of no more use is deleted by the flush that also has the
 *   removal of its record, so that a crash leaves no expired record without an entry.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { OperatingError } from "../base/errors.ts";
import { findDueDirty } from "./dirty-expiry.ts";
import type { BackgroundDeps } from "./garbage.ts";
import { EXPIRY_KEY_OFFSET, expiryKeyTime, expiryRange } from "./key-codec.ts";
import type { OverlayTransaction } from "./overlay-transaction.ts";
import { Pace } from "./pace.ts";
import { isRecordExpired, isRecordTree, recordExpireAtMs, recordPayloadStart } from "./record-format.ts";
import type { SlotSpace } from "./slot-space.ts";
import type { StoreEntry } from "./store.ts";
import { MISS, View } from "./transaction.ts";

const ROUND_MS = 100;
/** Records of one slot in a row, and of one round: at most some 10,000 a second. */
const SLICE_ENTRIES = 64;
const ROUND_ENTRIES = 1024;
/** A tree descriptor's bytes; the tree id is the first six (docs/formats/keys.md). */
const TREE_DESCRIPTOR_BYTES = 32;
const TREE_ID_BYTES = 6;
/** A key with this behind it is the next possible key. */
const LOWEST = Buffer.alloc(1);

export interface ExpirerDeps extends BackgroundDeps {
  readonly begin: (space: SlotSpace, nowMs: number, seed: number) => OverlayTransaction;
}

export class Expirer {
  /** Records removed since the start. */
  expiredCount = 0;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  isEnabled = true;
  readonly #deps: ExpirerDeps;
  readonly #clock: Clock;
  readonly #value = new View();
  #timer: Timer | undefined;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: ExpirerDeps) {
    this.#deps = deps;
    this.#clock = deps.clock;
  }

  start(): void {
    this.#timer = this.#clock.after(ROUND_MS, () => {
      if (this.#isStopped) return;
      this.#running = this.expire()
        .catch((error) => this.#failed(error))
        .finally(() => {
          if (!this.#isStopped) this.start();
        });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** One round over the slots that have something due by their own time. */
  async expire(): Promise<void> {
    if (!this.isEnabled) return;
    let left = ROUND_ENTRIES;
    for (const space of this.#deps.spaces()) {
      if (space.dirtyExpiryMs <= space.nowMs && !space.isDropped) left -= await this.#expireDirty(space, left);
      while (left > 0 && space.nextExpiryMs <= space.nowMs && !space.isDropped && !this.#isStopped) {
        left -= SLICE_ENTRIES;
        await this.#expireSlice(space);
      }
      if (left <= 0 || this.#isStopped) return;
    }
  }

  /** Removes up to `limit` records that are not in the database yet. Answers how many it looked at closer. */
  async #expireDirty(space: SlotSpace, limit: number): Promise<number> {
    const { generation } = space;
    const { keys, nextMs } = findDueDirty(this.#deps.cache.slab, space, limit);
    space.dirtyExpiryMs = nextMs;
    const pace = new Pace(this.#clock);
    for (const [position, key] of keys.entries()) {
      if (!(await this.#visit(space, generation, key))) break;
      if (pace.isDue(position)) await pace.nextTurn();
    }
    return keys.length;
  }

  async #expireSlice(space: SlotSpace): Promise<void> {
    const { store } = this.#deps;
    const { generation, nowMs } = space;
    space.nextExpiryMs = Number.POSITIVE_INFINITY;
    const iterator = store.iterate(expiryRange(generation, SLICE_ENTRIES, space.expiryCursor));
    let entries: readonly StoreEntry[];
    try {
      entries = await iterator.next(SLICE_ENTRIES);
    } finally {
      await iterator.close();
    }
    let nextMs = entries.length < SLICE_ENTRIES ? Number.POSITIVE_INFINITY : 0;
    for (const { key } of entries) {
      const dueMs = expiryKeyTime(key);
      if (dueMs > nowMs) {
        nextMs = dueMs;
        break;
      }
      if (!(await this.#visit(space, generation, key))) return;
      space.expiryCursor = Buffer.concat([key, LOWEST]);
    }
    space.nextExpiryMs = Math.min(space.nextExpiryMs, nextMs);
  }

  /** Removes the record of a due index entry if it has expired. False where the slot has moved on meanwhile. */
  async #visit(space: SlotSpace, generation: number, indexKey: Buffer): Promise<boolean> {
    const { cache } = this.#deps;
    for (;;) {
      if (space.generation !== generation || space.isDropped || this.#isStopped) return false;
      const tx = this.#deps.begin(space, space.nowMs, 0);
      try {
        this.#removeExpired(tx, indexKey, space.nowMs);
        tx.commit();
        space.staleExpiryKeys.push(indexKey);
        cache.dirty.enqueue(space);
        return true;
      } catch (thrown) {
        tx.rollback();
        if (thrown !== MISS) throw thrown;
      }
      await tx.loadMissed();
    }
  }

  #removeExpired(tx: OverlayTransaction, indexKey: Buffer, nowMs: number): void {
    const value = this.#value;
    if (!tx.readRecord(indexKey, EXPIRY_KEY_OFFSET, indexKey.length, value)) return;
    const { buf, start, end } = value;
    if (!isRecordExpired(buf, start, nowMs) || recordExpireAtMs(buf, start) !== expiryKeyTime(indexKey)) return;
    if (isRecordTree(buf, start)) {
      const first = recordPayloadStart(buf, start);
      for (let at = first; at + TREE_DESCRIPTOR_BYTES <= end; at += TREE_DESCRIPTOR_BYTES) {
        tx.discardTree(buf.readUIntBE(at, TREE_ID_BYTES));
      }
    }
    tx.deleteRecord(indexKey, EXPIRY_KEY_OFFSET, indexKey.length);
    this.expiredCount++;
  }

  #failed(error: unknown): void {
    for (const space of this.#deps.spaces()) space.nextExpiryMs = space.dirtyExpiryMs = 0;
    if (!(error instanceof OperatingError) || error.code === "StoreCorrupt") this.#deps.fatal(error);
  }
}
