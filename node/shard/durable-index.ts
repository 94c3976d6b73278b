/**
 * The highest index of a slot that is durable, from where the log was written and up to where it is synced.
 * Bounded: when more turns than MAX_MARKS wait for a sync, the youngest are taken together.
 */

import { isBehind, type LogPlace } from "../binlog/local-record.ts";

const MAX_MARKS = 64;

interface Mark {
  readonly place: LogPlace;
  readonly index: number;
}

export class DurableIndex {
  #index: number;
  #marks: Mark[] = [];

  /** @param index what is durable now. */
  constructor(index: number) {
    this.#index = index;
  }

  /** The log was written up to `place`, and with it the slot up to `index`. */
  written(place: LogPlace, index: number): void {
    if (this.#marks.length >= MAX_MARKS) this.#marks.pop();
    this.#marks.push({ place, index });
  }

  /** The answer when all before `durable` is. */
  at(durable: LogPlace): number {
    let passed = 0;
    while (passed < this.#marks.length && !isBehind((this.#marks[passed] as Mark).place, durable)) passed++;
    if (passed > 0) {
      this.#index = (this.#marks[passed - 1] as Mark).index;
      this.#marks.splice(0, passed);
    }
    return this.#index;
  }

  /** The slot's log was cut or begun anew: nothing behind `index` counts. */
  reset(index: number): void {
    this.#index = Math.min(this.#index, index);
    this.#marks = this.#marks.filter((mark) => mark.index <= index);
  }
}
