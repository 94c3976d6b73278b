/** SlotData over a MapTransaction, with a database that holds what `flush` last put there. */

import type { SlotData, SlotState, TransactionStamp } from "../../node/shard/slot-data.ts";
import { MapTransaction } from "./map-transaction.ts";

export class MapSlotData implements SlotData {
  readonly tx: MapTransaction;
  state: SlotState;
  #flushed: { state: SlotState; records: Map<string, Buffer>; pages: Map<string, Buffer> };
  loadCount = 0;
  readonly sizeBytes = 0;
  nextExpiryMs = Number.POSITIVE_INFINITY;

  constructor(state: SlotState = { index: 0, term: 0, crc: 0, nowMs: 0 }) {
    this.tx = new MapTransaction();
    this.state = state;
    this.#flushed = { state, records: new Map(), pages: new Map() };
  }

  get recordCount(): number {
    return this.tx.records.size;
  }

  begin(stamp: TransactionStamp): void {
    this.tx.nowMs = stamp.nowMs;
    this.tx.seed = stamp.seed;
    this.tx.begin();
  }

  hasChanges(): boolean {
    return this.tx.hasChanges();
  }

  visitTouched(visit: (buf: Buffer, start: number, end: number) => void): boolean {
    this.tx.forEachTouched(visit);
    return !this.tx.isFlushed;
  }

  commit(state: SlotState): void {
    this.tx.commit();
    this.state = { index: state.index, term: state.term, crc: state.crc, nowMs: state.nowMs };
  }

  rollback(): void {
    this.tx.rollback();
  }

  rollbackMiss(): void {
    this.tx.rollback();
  }

  async loaded(): Promise<void> {
    this.loadCount++;
  }

  async dropUnflushed(): Promise<SlotState> {
    return this.dropNow();
  }

  dropNow(): SlotState {
    this.tx.records.clear();
    this.tx.pages.clear();
    for (const [name, value] of this.#flushed.records) this.tx.records.set(name, value);
    for (const [name, value] of this.#flushed.pages) this.tx.pages.set(name, value);
    this.state = this.#flushed.state;
    return this.state;
  }

  /** The database takes the current state. */
  flush(): void {
    this.#flushed = { state: this.state, records: new Map(this.tx.records), pages: new Map(this.tx.pages) };
  }

  get flushed(): SlotState {
    return this.#flushed.state;
  }
}
