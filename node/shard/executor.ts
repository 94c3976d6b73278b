/**
 * The port between those who have commands (dispatcher, peer links, expiry) and the slots' data on this node.
 * Everything behind it runs on one thread, one command at a time. shards.ts implements it.
 *
 * Flow of a write in an asynchronous table: execute in an overlay → commit to the cache → append the log entry to
 * the turn's buffer → (end of turn) the log writes the turn with one call → replies go out.
 */

import type { Argv } from "../base/argv.ts";
import type { DataCommand } from "../commands/command.ts";
import type { TableId } from "../meta/ids.ts";
import type { ReplyWriter } from "../resp/reply.ts";

/**
 * `done`: the reply is written. `block`: a blocking command found nothing, no reply was written.
 * `miss`: nothing happened; wait for `loaded()` of the slot, then run again.
 * `refused`: this replica may not serve it; no reply was written, `refusal` says why.
 */
export type Outcome = "done" | "block" | "miss" | "refused";

export type Refusal =
  | { readonly reason: "notLeader" }
  | { readonly reason: "fenced" }
  | { readonly reason: "recovering" }
  /** A limit, or a fault of the command itself: the text of the error reply, `OOM …` or `ERR …`. */
  | { readonly reason: "limit"; readonly error: string };

/** One slot's replica, as those who run commands see it. */
export interface SlotExecutor {
  readonly table: TableId;
  readonly slot: number;
  /** Whether this replica leads its slot and may serve reads and take writes now. */
  readonly isServing: boolean;
  /** Why the last call answered `refused`. */
  readonly refusal: Refusal | undefined;
  /** Runs one command and, if it changed data, makes its log entry. */
  execute(command: DataCommand, argv: Argv, reply: ReplyWriter): Outcome;
  /**
   * Runs the commands of an EXEC as one: one overlay, one log entry; replies are written one after the other
   * (the caller opened the array). Commands that would block reply as at a time-out. Never answers `block`.
   */
  executeAll(batch: readonly { readonly command: DataCommand; readonly argv: Argv }[], reply: ReplyWriter): Outcome;
  /** Resolves when what the last `miss` needed has been read. */
  loaded(): Promise<void>;
  /** Number of the last change of a key of this slot, for WATCH; grows whenever the record changes or expires. */
  watchVersion(key: Buffer): number;
  /** Calls `changed` once, after the next commit that touches the key. Returns how to forget it. For WATCH and blocked clients. */
  onTouched(key: Buffer, changed: () => void): () => void;
  /** Records, expired ones that are not collected yet included. */
  readonly recordCount: number;
}

export interface Executors {
  /** The replica of a slot on this node, if there is one. */
  find(table: TableId, slot: number): SlotExecutor | undefined;
  /** The replicas on this node that lead slots of a table, by slot. */
  leading(table: TableId): Iterable<SlotExecutor>;
  /**
   * Ends the turn: appends what was executed since the last call to the log by the fsync policy.
   * Answers undefined, or the error text that every reply of the turn must become: its effects are undone.
   */
  endTurn(): string | undefined;
}
