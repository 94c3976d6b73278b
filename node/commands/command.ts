/**
 * What a command is: one declarative record that the dispatcher, the router, COMMAND and the generated
 * reference all read. A family's file exports a list of these; registry.ts joins the lists.
 * Syntax, options and error texts are those of Redis 7 (redis.io/docs/latest/commands).
 */

import type { Argv } from "../base/argv.ts";
import type { Transaction } from "../engine/transaction.ts";
import type { ReplyWriter } from "../resp/reply.ts";

/**
 * `write`: may change data (its log entry is made when the overlay is not empty). `random`: draws from the entry's seed.
 * `denyoom`: refused when the disk or a quota is full. `blocking`: may wait for data. `noauth`: allowed before AUTH.
 * `nomulti`: refused inside MULTI. `admin`: wants the admin user. The rest is what COMMAND INFO shows.
 */
export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "admin"
  | "noauth"
  | "nomulti"
  | "random"
  | "blocking"
  | "fast"
  | "loading"
  | "stale"
  | "movablekeys"
  | "allowBusy";

/** Where the keys are: argument positions as in COMMAND INFO (last < 0 counts from the end), or a function. */
export type KeySpec =
  | { readonly kind: "none" }
  | { readonly kind: "range"; readonly first: number; readonly last: number; readonly step: number }
  /** Positions of the keys, or undefined where the arguments make no sense (the command then gives its own error). */
  | { readonly kind: "find"; readonly find: (argv: Argv) => readonly number[] | undefined };

/** How a command whose keys lie in several slots, or that has none, is split over leaders and joined. */
export type FanOut =
  /** Split by key (each key with the `step - 1` arguments behind it). */
  | { readonly over: "keys"; readonly join: "array" | "sum" | "ok" }
  /** Sent to every leader of the table, run on each slot that it leads. */
  | { readonly over: "leaders"; readonly join: "arrays" | "sum" | "ok" | "anyValue" }
  /** SCAN: asked of one slot after the other, see scan-join.ts. */
  | { readonly over: "cursor" };

/** What a data command works with. One object serves all commands; nothing may keep it. */
export interface DataContext {
  readonly argv: Argv;
  readonly reply: ReplyWriter;
  readonly tx: Transaction;
}

/** Returned by a blocking command that found nothing to serve: no reply was written, nothing was changed. */
export const BLOCK: unique symbol = Symbol("block");

interface CommandBase {
  /** Lower case; a subcommand's is `container|sub`. */
  readonly name: string;
  /** As in COMMAND INFO: n exactly, or -n at least, the name included. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeySpec;
  readonly group:
    | "string"
    | "generic"
    | "hash"
    | "list"
    | "set"
    | "sorted-set"
    | "connection"
    | "server"
    | "transactions"
    | "cluster";
  readonly since: string;
  readonly summary: string;
  readonly complexity: string;
}

/**
 * A command over the data of one slot: synchronous, restartable, deterministic (Transaction's invariants).
 * A client's mistake is written with `reply.error`; nothing is thrown but MISS and assertion failures.
 */
export interface DataCommand extends CommandBase {
  readonly scope: "data";
  readonly fanOut?: FanOut;
  readonly execute: (context: DataContext) => typeof BLOCK | void;
  /** Of a blocking command: its timeout in ms (0 for ever), or the error to reply. */
  readonly timeoutMs?: (argv: Argv) => number | string;
  /** Of a blocking command: writes the reply of a time-out (and of EXEC, where it may not wait). */
  readonly replyTimeout?: (reply: ReplyWriter) => void;
}

/** Writes a reply that could not be given at once. */
export type LaterReply = (reply: ReplyWriter) => void;

/**
 * A command of the connection or the node. `Session` is the port that server/ implements
 * (commands/session.ts). It writes its reply, or gives a promise of what writes it: the connection waits for it,
 * and `reply` must then not be touched. The promise must not reject.
 */
export interface SessionCommand<Session = unknown> extends CommandBase {
  readonly scope: "session";
  readonly execute: (session: Session, argv: Argv, reply: ReplyWriter) => void | Promise<LaterReply>;
}

export type Command<Session = unknown> = DataCommand | SessionCommand<Session>;
