/** SlotData over the engine: one slot's space, and the engine's one transaction while it is open on that space. */

import type { Engine } from "../engine/engine.ts";
import type { OverlayTransaction } from "../engine/overlay-transaction.ts";
import type { SlotSpace } from "../engine/slot-space.ts";
import type { SlotData, SlotState, TransactionStamp } from "./slot-data.ts";

export class EngineSlotData implements SlotData {
  readonly space: SlotSpace;
  /** The engine's transaction; of this slot between `begin` and its end only. */
  tx: OverlayTransaction = undefined as never;
  readonly #engine: Engine;
  #loading: Promise<void> = Promise.resolve();

  constructor(engine: Engine, space: SlotSpace) {
    this.#engine = engine;
    this.space = space;
  }

  get recordCount(): number {
    return this.space.keyCount;
  }

  get nextExpiryMs(): number {
    return Math.min(this.space.nextExpiryMs, this.space.dirtyExpiryMs);
  }

  get sizeBytes(): number {
    return this.space.sizeBytes;
  }

  /** The state that the data is at. */
  get state(): SlotState {
    const { appliedIndex, appliedTerm, appliedCrc, nowMs } = this.space;
    return { index: appliedIndex, term: appliedTerm, crc: appliedCrc, nowMs };
  }

  begin(stamp: TransactionStamp): void {
    this.tx = this.#engine.begin(this.space, stamp.nowMs, stamp.seed);
    if (!stamp.mayMiss) this.tx.readSynchronously();
  }

  hasChanges(): boolean {
    return this.tx.hasWrites;
  }

  visitTouched(visit: (buf: Buffer, start: number, end: number) => void): boolean {
    this.tx.forEachTouched(visit);
    return !this.tx.isFlushed;
  }

  commit(state: SlotState): void {
    const hasChanged = this.tx.commit();
    this.space.setApplied(state.index, state.term, state.crc);
    this.space.advanceTime(state.nowMs);
    if (!hasChanged) this.#engine.noteApplied(this.space);
  }

  rollback(): void {
    this.tx.rollback();
  }

  rollbackMiss(): void {
    this.tx.rollback();
    // A read that failed is made again with the command, in the end on this thread: its failure is the command's.
    // Not in the same turn, or a read that fails again and again would keep all else from running.
    this.#loading = this.tx.loadMissed().catch(() => new Promise((resolve) => setImmediate(resolve)));
  }

  loaded(): Promise<void> {
    return this.#loading;
  }

  async dropUnflushed(): Promise<SlotState> {
    await this.#engine.revert(this.space);
    return this.state;
  }
}
