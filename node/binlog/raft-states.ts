/**
 * The raft state of every slot that has one: what a new segment's checkpoint says.
 * Invariant: a slot's term never goes back.
 */

import { assert } from "../base/assert.ts";
import type { RaftState } from "./local-record.ts";

export class RaftStates {
  readonly #states = new Map<number, RaftState>();

  find(table: number, slot: number): RaftState | undefined {
    return this.#states.get(table * 16_384 + slot);
  }

  set(state: RaftState): void {
    const known = this.find(state.table, state.slot);
    assert(known === undefined || state.term >= known.term, "a slot's term never goes back");
    this.#states.set(state.table * 16_384 + state.slot, state);
  }

  /** Forgets a slot whose replica left this node. */
  remove(table: number, slot: number): void {
    this.#states.delete(table * 16_384 + slot);
  }

  all(): readonly RaftState[] {
    return [...this.#states.values()];
  }
}
