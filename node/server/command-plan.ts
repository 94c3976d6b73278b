/**
 * What the dispatcher needs to know of a command for each call, worked out once: flags as booleans, the common key
 * positions as numbers, and the command's counters (INFO commandstats). One plan a command and node.
 */

import type { Argv } from "../base/argv.ts";
import type { Command, CommandFlag, DataCommand } from "../commands/command.ts";
import type { Session } from "../commands/session.ts";
import { MAX_USER_KEY_BYTES } from "../engine/key-codec.ts";
import { slotOf } from "../meta/slot.ts";

/** Answers of `slotOfKeys` beside slots. */
export const NO_KEYS = -1;
export const SEVERAL_SLOTS = -2;
/** The arguments make no sense: the command gives its own error, on any slot. */
export const UNCLEAR_KEYS = -3;
/** A key is longer than a record's can be: refused before anything runs. */
export const LONG_KEY = -4;

export class CommandPlan {
  readonly command: Command<Session>;
  readonly data: DataCommand | undefined;
  readonly arity: number;
  readonly isWrite: boolean;
  readonly isBlocking: boolean;
  readonly isNoAuth: boolean;
  readonly isNoMulti: boolean;
  readonly isAdmin: boolean;
  readonly isExec: boolean;
  /** Runs even in an open transaction instead of being queued. */
  readonly isTransactionControl: boolean;
  /** Position of the only key; 0 where there is none or more than one. */
  readonly onlyKey: number;
  callCount = 0;
  totalMs = 0;
  failedCount = 0;
  rejectedCount = 0;

  constructor(command: Command<Session>) {
    const has = (flag: CommandFlag) => command.flags.includes(flag);
    this.command = command;
    this.data = command.scope === "data" ? command : undefined;
    this.arity = command.arity;
    this.isWrite = has("write");
    this.isBlocking = has("blocking");
    this.isNoAuth = has("noauth");
    this.isNoMulti = has("nomulti");
    this.isAdmin = has("admin");
    this.isExec = command.name === "exec";
    this.isTransactionControl = TRANSACTION_CONTROL.has(command.name);
    const { keys } = command;
    this.onlyKey = keys.kind === "range" && keys.first === keys.last ? keys.first : 0;
  }

  acceptsCount(count: number): boolean {
    return this.arity > 0 ? count === this.arity : count >= -this.arity;
  }

  /** The slot of all keys in a table of `slotCount` slots, or one of the answers above. */
  slotOfKeys(argv: Argv, slotCount: number): number {
    if (this.onlyKey > 0) {
      if (argv.lengthOf(this.onlyKey) > MAX_USER_KEY_BYTES) return LONG_KEY;
      return slotCount === 1 ? 0 : slotOf(argv.buf, argv.start(this.onlyKey), argv.end(this.onlyKey), slotCount);
    }
    return this.#slotOfMany(argv, slotCount);
  }

  #slotOfMany(argv: Argv, slotCount: number): number {
    const positions = keyPositions(this.command, argv);
    if (positions === undefined) return UNCLEAR_KEYS;
    let found = NO_KEYS;
    for (const index of positions) if (argv.lengthOf(index) > MAX_USER_KEY_BYTES) return LONG_KEY;
    for (const index of positions) {
      const slot = slotOf(argv.buf, argv.start(index), argv.end(index), slotCount);
      if (found === NO_KEYS) found = slot;
      else if (slot !== found) return SEVERAL_SLOTS;
    }
    return found;
  }

  resetStatistics(): void {
    this.callCount = 0;
    this.totalMs = 0;
    this.failedCount = 0;
    this.rejectedCount = 0;
  }
}

const TRANSACTION_CONTROL = new Set(["exec", "discard", "multi", "watch", "quit", "reset"]);

/** Positions of a command's keys; undefined where the arguments make no sense: too few, or a key of MSET has no value. */
export function keyPositions(command: Command<Session>, argv: Argv): readonly number[] | undefined {
  const { keys } = command;
  if (keys.kind === "none") return [];
  if (keys.kind === "find") return keys.find(argv);
  const last = keys.last < 0 ? argv.count + keys.last : keys.last;
  const hasPartOfGroup = (last - keys.first + 1) % keys.step !== 0 && keys.last < 0;
  if (last >= argv.count || hasPartOfGroup) return undefined;
  const positions: number[] = [];
  for (let index = keys.first; index <= last; index += keys.step) positions.push(index);
  return positions;
}
