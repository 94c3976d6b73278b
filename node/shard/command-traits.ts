/**
 * What the execution of a command asks of its flags, looked up once a command: flags are a list of words.
 */

import type { DataCommand } from "../commands/command.ts";

export interface CommandTraits {
  readonly isWrite: boolean;
  /** Draws from the entry's seed. */
  readonly isRandom: boolean;
  /** Refused while the disk or a quota is full. */
  readonly isLimited: boolean;
}

export class CommandTraitsTable {
  readonly #known = new Map<DataCommand, CommandTraits>();
  #last: DataCommand | undefined;
  #lastTraits: CommandTraits = { isWrite: false, isRandom: false, isLimited: false };

  of(command: DataCommand): CommandTraits {
    if (command === this.#last) return this.#lastTraits;
    let traits = this.#known.get(command);
    if (traits === undefined) {
      const { flags } = command;
      traits = {
        isWrite: flags.includes("write"),
        isRandom: flags.includes("random"),
        isLimited: flags.includes("denyoom"),
      };
      this.#known.set(command, traits);
    }
    this.#last = command;
    this.#lastTraits = traits;
    return traits;
  }
}
