/**
 * All slots that have a replica on this node, and the turn that they share.
 * Invariant: after `endTurn` every effect of the turn is in the log's file, or none is anywhere.
 */

import { messageOf, OperatingError } from "../base/errors.ts";
import type { SlotLog } from "../binlog/log-index.ts";
import type { TableId } from "../meta/ids.ts";
import type { Executors } from "./executor.ts";
import type { ShardNode } from "./shard-node.ts";
import type { SlotShard } from "./slot-shard.ts";

const LEASE_LOST =
  "ERR outcome unknown: this node's right to lead the slot ran out while the command was executed; read before you repeat it";

export class Shards implements Executors {
  readonly #node: ShardNode;
  /** By table, then by slot. */
  readonly #tables = new Map<TableId, (SlotShard | undefined)[]>();
  /** How many shards have someone who wants to know of what was written. */
  #listenerCount = 0;
  /** Turns that could not be logged. */
  failedTurnCount = 0;
  /** Called when the log found the disk full. */
  onLogFull: () => void = () => undefined;
  #isEndRequested = false;
  /** Of a turn that ended without its clients: what they are told. */
  #carriedError: string | undefined;

  constructor(node: ShardNode) {
    this.#node = node;
  }

  find(table: TableId, slot: number): SlotShard | undefined {
    return this.#tables.get(table)?.[slot];
  }

  *leading(table: TableId): Iterable<SlotShard> {
    for (const shard of this.#tables.get(table) ?? []) if (shard?.role === "leader") yield shard;
  }

  *all(): Iterable<SlotShard> {
    for (const slots of this.#tables.values()) for (const shard of slots) if (shard) yield shard;
  }

  add(shard: SlotShard): void {
    let slots = this.#tables.get(shard.table);
    if (slots === undefined) {
      slots = [];
      this.#tables.set(shard.table, slots);
    }
    while (slots.length <= shard.slot) slots.push(undefined);
    slots[shard.slot] = shard;
  }

  remove(shard: SlotShard): void {
    this.#listenerCount -= shard.writtenListeners.length;
    shard.writtenListeners.length = 0;
    const slots = this.#tables.get(shard.table);
    if (slots?.[shard.slot] === shard) slots[shard.slot] = undefined;
  }

  /** Calls `listener` after each turn that put entries of the slot into the log, or failed to. */
  onWritten(shard: SlotShard, listener: () => void): () => void {
    shard.writtenListeners.push(listener);
    this.#listenerCount++;
    return () => {
      const at = shard.writtenListeners.indexOf(listener);
      if (at < 0) return;
      shard.writtenListeners.splice(at, 1);
      this.#listenerCount--;
    };
  }

  /** Nothing is executed or replayed any more once this resolves. */
  async close(): Promise<void> {
    for (const shard of this.all()) shard.close();
    for (const shard of this.all()) await shard.idle();
  }

  /** Something other than a client has appended: the turn is ended soon, whether or not a client takes part in it. */
  requestEnd(): void {
    if (this.#isEndRequested) return;
    this.#isEndRequested = true;
    setImmediate(() => {
      this.#isEndRequested = false;
      const error = this.#end();
      if (error === undefined) return;
      this.#carriedError = error;
      // Clients of the failed turn end it in this round of the event loop; those of the next had no part in it.
      setImmediate(() => {
        this.#carriedError = undefined;
      });
    });
  }

  endTurn(): string | undefined {
    const carried = this.#carriedError;
    this.#carriedError = undefined;
    return this.#end() ?? carried;
  }

  #end(): string | undefined {
    const { log } = this.#node;
    try {
      const written = log.writer.endTurn();
      if (this.#listenerCount > 0) this.#notify(written);
      return this.#node.endTurnTime() ? LEASE_LOST : undefined;
    } catch (thrown) {
      if (!(thrown instanceof OperatingError)) throw thrown;
      this.failedTurnCount++;
      this.#node.endTurnTime();
      if (thrown.code === "BinlogFull") this.onLogFull();
      const undone = [...log.writer.touched];
      for (const { table, slot } of undone) this.find(table, slot)?.undoTurn();
      log.writer.forgetTurn();
      if (this.#listenerCount > 0) this.#notify(undone);
      return `MISCONF Errors writing to the log: ${messageOf(thrown.cause ?? thrown)}`;
    }
  }

  #notify(touched: readonly SlotLog[]): void {
    for (const { table, slot } of touched) {
      // A copy: a listener may stop listening.
      for (const listener of this.find(table, slot)?.writtenListeners.slice() ?? []) listener();
    }
  }
}
