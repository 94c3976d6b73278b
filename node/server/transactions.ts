/**
 * MULTI, WATCH and what was queued, of one connection. Running it is the ExecRunner's.
 * Invariants: all keys of a transaction and of its watches lie in one slot, else CROSSSLOT; after a command that
 * could not be queued EXEC answers EXECABORT; EXEC and DISCARD end the watches too; all runs in one table, so what
 * would enter another is refused.
 */

import type { Argv } from "../base/argv.ts";
import type { LaterReply } from "../commands/command.ts";
import type { SessionTransaction } from "../commands/session.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { type CommandPlan, LONG_KEY, NO_KEYS, SEVERAL_SLOTS, UNCLEAR_KEYS } from "./command-plan.ts";
import { DEFAULT_TABLE, type TableView } from "./tables.ts";
import { WatchSet } from "./watch.ts";

/** What a transaction may hold: a client that queues more is refused, as it would fill the node's memory. */
const QUEUED_BYTES = 256 * 1024 * 1024;
/** Counted for each queued command beside its arguments. */
const COMMAND_BYTES = 128;
const ONE_TABLE = "ERR Command not allowed inside a transaction: AUTH and SELECT of another table come before MULTI";

export interface QueuedCommand {
  readonly plan: CommandPlan;
  /** Owns its memory. */
  readonly argv: Argv;
}

/** What EXEC runs: a transaction that is closed already. */
export interface ClosedTransaction {
  readonly table: TableView;
  /** -1 where no command has a key. */
  readonly slot: number;
  readonly commands: readonly QueuedCommand[];
  readonly watches: WatchSet;
}

/** Runs transactions and makes watches; implemented by ExecRunner, bound to a connection. */
export interface TransactionRunner {
  run(transaction: ClosedTransaction, reply: ReplyWriter): void | Promise<LaterReply>;
  watch(watches: WatchSet, argv: Argv, reply: ReplyWriter): void | Promise<LaterReply>;
  unwatch(watches: WatchSet): void;
  /** The table that the connection sees. */
  readonly table: TableView;
}

export class Transaction implements SessionTransaction {
  isOpen = false;
  isExecuting = false;
  readonly #runner: TransactionRunner;
  #watches = new WatchSet();
  #commands: QueuedCommand[] = [];
  #slot = NO_KEYS;
  #isSpoilt = false;
  #queuedBytes = 0;

  constructor(runner: TransactionRunner) {
    this.#runner = runner;
  }

  get queuedCount(): number {
    return this.#commands.length;
  }

  /** Whether a queued command writes. */
  get hasWrites(): boolean {
    return this.#commands.some(({ plan }) => plan.isWrite);
  }

  get isWatching(): boolean {
    return !this.#watches.isEmpty;
  }

  begin(): void {
    this.isOpen = true;
  }

  /** A command was refused: EXEC will answer EXECABORT, so what was queued is let go and no more is kept. */
  spoil(): void {
    if (!this.isOpen) return;
    this.#isSpoilt = true;
    this.#commands = [];
    this.#queuedBytes = 0;
  }

  /** Queues a command; answers undefined or the error text, which spoils the transaction. */
  queue(plan: CommandPlan, argv: Argv): string | undefined {
    const error = this.#refusal(plan, argv);
    if (error !== undefined) {
      this.spoil();
      return error;
    }
    if (this.#isSpoilt) return undefined;
    const owned = argv.own();
    this.#queuedBytes += owned.buf.length + COMMAND_BYTES;
    this.#commands.push({ plan, argv: owned });
    return undefined;
  }

  discard(): void {
    this.#close();
    this.unwatch();
  }

  execute(reply: ReplyWriter): void | Promise<LaterReply> {
    const watches = this.#watches;
    const closed: ClosedTransaction = {
      table: this.#runner.table,
      slot: this.#slot,
      commands: this.#commands,
      watches,
    };
    const isSpoilt = this.#isSpoilt;
    this.#close();
    this.#watches = new WatchSet();
    if (isSpoilt) {
      this.#runner.unwatch(watches);
      reply.error(ERRORS.execAbort);
      return;
    }
    this.isExecuting = true;
    const later = this.#runner.run(closed, reply);
    if (later === undefined) this.isExecuting = false;
    return later?.finally(() => {
      this.isExecuting = false;
    });
  }

  watch(argv: Argv, reply: ReplyWriter): void | Promise<LaterReply> {
    return this.#runner.watch(this.#watches, argv, reply);
  }

  unwatch(): void {
    this.#runner.unwatch(this.#watches);
  }

  #refusal(plan: CommandPlan, argv: Argv): string | undefined {
    if (plan.isNoMulti) return "ERR Command not allowed inside a transaction";
    if (this.#queuedBytes > QUEUED_BYTES) return "ERR the transaction is too large to be queued";
    const { table } = this.#runner;
    if (plan.data === undefined) return leavesTable(plan.command.name, argv, table.name) ? ONE_TABLE : undefined;
    let slot = plan.slotOfKeys(argv, table.slots);
    if (slot === LONG_KEY) return ERRORS.keyTooLong;
    if (slot === UNCLEAR_KEYS || (slot === NO_KEYS && table.slots === 1)) slot = table.slots === 1 ? 0 : this.#slot;
    if (slot === SEVERAL_SLOTS || (slot === NO_KEYS && plan.data.fanOut !== undefined)) return ERRORS.crossSlot;
    if (slot === NO_KEYS) return undefined;
    const isOther = this.#slot !== NO_KEYS && this.#slot !== slot;
    if (isOther || (!this.#watches.isEmpty && this.#watches.slot !== slot)) return ERRORS.crossSlot;
    this.#slot = slot;
    return undefined;
  }

  #close(): void {
    this.isOpen = false;
    this.#commands = [];
    this.#slot = NO_KEYS;
    this.#isSpoilt = false;
    this.#queuedBytes = 0;
  }
}

/** Whether a command of the connection may enter another table: what is queued behind it would still run in this one. */
function leavesTable(name: string, argv: Argv, tableName: string): boolean {
  if (name === "auth") return true;
  if (name === "select") {
    const database = argv.text(1);
    if (/^-?\d+$/.test(database)) return Number(database) === 0 && tableName !== DEFAULT_TABLE;
    return database !== tableName;
  }
  if (name !== "hello") return false;
  for (let i = 2; i < argv.count; i++) if (argv.text(i).toUpperCase() === "AUTH") return true;
  return false;
}
