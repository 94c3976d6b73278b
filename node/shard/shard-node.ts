/**
 * What all slots of a node share while commands execute: the log, the time of the turn, the one context that commands
 * are given, the one stamp that transactions and entries are made with. Only one command runs at a time.
 */

import { Argv } from "../base/argv.ts";
import type { Clock } from "../base/clock.ts";
import type { Prng } from "../base/prng.ts";
import type { Binlog } from "../binlog/binlog.ts";
import { EntryHeader } from "../binlog/entry.ts";
import type { Command, DataContext } from "../commands/command.ts";
import type { Transaction } from "../engine/transaction.ts";
import { ReplyWriter } from "../resp/reply.ts";
import { CommandTraitsTable } from "./command-traits.ts";
import { SteadyTime } from "./steady-time.ts";

/** A DataContext that is filled anew for each command. */
export interface MutableContext extends DataContext {
  argv: Argv;
  reply: ReplyWriter;
  tx: Transaction;
}

/** What an entry and its transaction are made with. */
export interface MutableStamp {
  nowMs: number;
  seed: number;
  level: number;
  mayMiss: boolean;
}

export interface ShardNodeDeps {
  readonly log: Binlog;
  readonly clock: Clock;
  /** Seeds of entries that draw random numbers. */
  readonly seeds: Prng;
  /** The command of an argument list, or the error text of its name or number of arguments. */
  readonly resolve: (argv: Argv) => Command<never> | string;
  /** The error text for commands that need room while there is none; undefined: there is. */
  readonly refuseForRoom: () => string | undefined;
  /** The feature level that new entries are made at. */
  readonly level: () => number;
  /** A command threw what it must not; its client is told, nothing was changed. */
  readonly onCommandFailed: (error: unknown) => void;
  /** Ends the process: the database or the log cannot be read any more. */
  readonly fatal: (error: unknown) => void;
}

export class ShardNode {
  readonly deps: ShardNodeDeps;
  readonly log: Binlog;
  readonly traits = new CommandTraitsTable();
  /** `tx` is set before each use. */
  readonly context: MutableContext = { argv: new Argv(), reply: new ReplyWriter(), tx: undefined as never };
  readonly stamp: MutableStamp = { nowMs: 0, seed: 0, level: 1, mayMiss: true };
  /** Of the replay: its header, arguments, and replies that nobody reads. */
  readonly header = new EntryHeader();
  readonly replayArgv = new Argv();
  readonly replayReply = new ReplyWriter();
  readonly #steadyTime = new SteadyTime();
  #wallMs = 0;
  #monotonicMs = 0;
  #isTurnTimed = false;
  #turnLeaseMs = Number.POSITIVE_INFINITY;
  readonly #forgetTime = () => {
    this.#isTurnTimed = false;
  };

  constructor(deps: ShardNodeDeps) {
    this.deps = deps;
    this.log = deps.log;
  }

  /** The wall clock at the first question of this round of the event loop, as steady time. */
  turnWallMs(): number {
    if (!this.#isTurnTimed) this.#time();
    return this.#wallMs;
  }

  turnMonotonicMs(): number {
    if (!this.#isTurnTimed) this.#time();
    return this.#monotonicMs;
  }

  /** Something was executed under a lease that ends then. */
  noteLease(untilMonotonicMs: number): void {
    if (untilMonotonicMs < this.#turnLeaseMs) this.#turnLeaseMs = untilMonotonicMs;
  }

  /**
   * The turn is over: the next question reads the clocks again. Whether a lease under which something was executed has
   * run out meanwhile (a process that was stopped): its replies may not go out.
   */
  endTurnTime(): boolean {
    this.#isTurnTimed = false;
    const leaseMs = this.#turnLeaseMs;
    if (leaseMs === Number.POSITIVE_INFINITY) return false;
    this.#turnLeaseMs = Number.POSITIVE_INFINITY;
    return this.deps.clock.monotonicMs() >= leaseMs;
  }

  #time(): void {
    this.#monotonicMs = this.deps.clock.monotonicMs();
    this.#wallMs = this.#steadyTime.advance(this.deps.clock.wallMs(), this.#monotonicMs);
    this.#isTurnTimed = true;
    // Also where nobody ends the turn (a question of a timer): time must not stand still until the next one.
    setImmediate(this.#forgetTime);
  }
}
