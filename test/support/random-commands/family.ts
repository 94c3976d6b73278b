/** What compare-with-redis needs to know of a family of commands: how to make random ones, and what may differ. */

import { present } from "../../../node/base/assert.ts";
import { Prng } from "../../../node/base/prng.ts";

/** How two replies of a command are compared: byte by byte unless it is named here. */
export interface Tolerance {
  /** Lower-case names of commands whose array replies may come in any order. */
  readonly unordered?: readonly string[];
  /** Commands whose integer replies are times: they may differ by some milliseconds. */
  readonly times?: readonly string[];
  /** Commands that draw or answer what Redis does in another way on purpose: only the kind of reply is compared. */
  readonly kindOnly?: readonly string[];
}

export interface CommandFamily {
  readonly tolerance: Tolerance;
  /** One random command: its name and arguments, latin1. */
  readonly generate: (random: RandomSource) => readonly string[];
}

/** A seeded source of choices. */
export class RandomSource {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  /** A whole number in [from, to]. */
  integer(from: number, to: number): number {
    return from + this.#prng.nextBelow(to - from + 1);
  }

  /** Whether something of `probability` happens. */
  chance(probability: number): boolean {
    return this.#prng.nextFloat() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return present(choices[this.#prng.nextBelow(choices.length)], "a choice");
  }

  /** A number of picks in [from, to]. */
  picks<T>(choices: readonly T[], from: number, to: number): T[] {
    return Array.from({ length: this.integer(from, to) }, () => this.pick(choices));
  }

  /** The word as it is, in upper case or mixed. */
  anyCase(word: string): string {
    return this.pick([word, word.toUpperCase(), word.charAt(0).toUpperCase() + word.slice(1)]);
  }
}

/** Texts that are hard to read as numbers, and some that are easy. */
export const NUMBER_TEXTS: readonly string[] = [
  ..."0 1 -1 2 7 10 -10 100 1.5 -0.5 3.0e3 1e2 5. .5 +1 01 -0 0x10 inf -inf +inf nan 1e400 1e-400 abc".split(" "),
  ..."9223372036854775807 -9223372036854775808 9223372036854775808 9007199254740993 4294967296 1e17 0.1".split(" "),
  "",
  " 1",
  "1 ",
  "123456789012345678901234567890",
];
