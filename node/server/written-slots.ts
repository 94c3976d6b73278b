/**
 * The slots that a connection has written to, for WAIT: what followers must have. Of one table; another one begins anew.
 * Beyond a few it is the whole table: WAIT then waits for more than it must, never for less.
 */

import type { TableId } from "../meta/ids.ts";

/** Bounds a connection's memory, and what WAIT asks peers one by one. */
const MAX_SLOTS = 64;

export class WrittenSlots {
  readonly #slots = new Set<number>();
  #table: TableId | undefined;
  #last = -1;
  #isWhole = false;

  /** A command that may write is sent to a slot. Called for each of them: cheap. */
  note(table: TableId, slot: number): void {
    if (table === this.#table && (slot === this.#last || this.#isWhole)) return;
    if (table !== this.#table) this.#begin(table);
    this.#last = slot;
    this.#slots.add(slot);
    if (this.#slots.size > MAX_SLOTS) this.noteAll(table);
  }

  /** A command that may write is sent to many slots. */
  noteAll(table: TableId): void {
    if (table !== this.#table) this.#begin(table);
    this.#isWhole = true;
    this.#slots.clear();
  }

  /** The slots of `table`; undefined: any of them, or nothing was written yet. */
  of(table: TableId): ReadonlySet<number> | undefined {
    return table === this.#table && !this.#isWhole && this.#slots.size > 0 ? this.#slots : undefined;
  }

  #begin(table: TableId): void {
    this.#table = table;
    this.#slots.clear();
    this.#last = -1;
    this.#isWhole = false;
  }
}
