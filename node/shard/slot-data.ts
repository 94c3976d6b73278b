/**
 * The data of one slot as its replica works with it: one transaction at a time, and the position that the data is at.
 * The engine stands behind it (engine-slot-data.ts), in tests a map (test/support/map-slot-data.ts).
 *
 * Invariants
 * 1. `begin` and then `commit` or `rollback`; never two transactions at once.
 * 2. After `commit` the data is the state behind the entry of that position, and no other.
 */

import type { AppliedPosition } from "../engine/slot-record.ts";
import type { Transaction } from "../engine/transaction.ts";

/** What a transaction is begun with. One object is reused. */
export interface TransactionStamp {
  readonly nowMs: number;
  readonly seed: number;
  readonly level: number;
  /** Whether a read of what is not cached may throw MISS; else it reads on this thread. */
  readonly mayMiss: boolean;
}

export interface SlotState extends AppliedPosition {
  readonly nowMs: number;
}

export interface SlotData {
  readonly tx: Transaction;
  /** Records, expired ones that are not collected yet included. */
  readonly recordCount: number;
  /** No record that can be removed expires before this; 0 where that is not known yet. Milliseconds since 1970. */
  readonly nextExpiryMs: number;
  /** Keys and values, estimated. */
  readonly sizeBytes: number;
  begin(stamp: TransactionStamp): void;
  /** Whether the transaction would change anything. */
  hasChanges(): boolean;
  /** Visits the keys of records that the open transaction writes or deletes. Returns false where it removes all others too (FLUSHDB). */
  visitTouched(visit: (buf: Buffer, start: number, end: number) => void): boolean;
  /** Keeps the changes; the data is at `state` from now on. Also without changes. */
  commit(state: SlotState): void;
  rollback(): void;
  /** As `rollback`, after MISS: what it needed is read in the background from now on. */
  rollbackMiss(): void;
  /** Resolves when what the last MISS needed has been read. */
  loaded(): Promise<void>;
  /** Drops what the database does not have; answers the state that the data is at then. No transaction meanwhile. */
  dropUnflushed(): Promise<SlotState>;
}
