/**
 * MapExecutors: the port Executors over one MapTransaction a slot, for tests of the server without a data plane.
 * Faults are inputs: `missNext` lets the next execution miss, `refusal` refuses all, `appendError` fails the turn.
 */

import type { Argv } from "../../node/base/argv.ts";
import { BLOCK, type DataCommand } from "../../node/commands/command.ts";
import type { TableId } from "../../node/meta/ids.ts";
import type { ReplyWriter } from "../../node/resp/reply.ts";
import type { Executors, Outcome, Refusal, SlotExecutor } from "../../node/shard/executor.ts";
import { MapTransaction } from "./map-transaction.ts";

interface Batch {
  readonly command: DataCommand;
  readonly argv: Argv;
}

class MapExecutor implements SlotExecutor {
  readonly table: TableId;
  readonly slot: number;
  readonly tx = new MapTransaction();
  isServing = true;
  refusal: Refusal | undefined;
  /** The next so many executions miss; each is loaded a turn later. */
  missNext = 0;
  executedCount = 0;
  #seed = 1;
  #version = 1;
  readonly #versions = new Map<string, number>();
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(table: TableId, slot: number) {
    this.table = table;
    this.slot = slot;
  }

  execute(command: DataCommand, argv: Argv, reply: ReplyWriter): Outcome {
    return this.#run([{ command, argv }], reply, false);
  }

  executeAll(batch: readonly Batch[], reply: ReplyWriter): Outcome {
    return this.#run(batch, reply, true);
  }

  loaded(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  watchVersion(key: Buffer): number {
    return this.#versions.get(key.toString("latin1")) ?? 0;
  }

  onTouched(key: Buffer, changed: () => void): () => void {
    const name = key.toString("latin1");
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers.add(changed));
    return () => watchers.delete(changed);
  }

  get recordCount(): number {
    return this.tx.records.size;
  }

  #run(batch: readonly Batch[], reply: ReplyWriter, isAll: boolean): Outcome {
    if (this.missNext > 0) {
      this.missNext--;
      return "miss";
    }
    if (this.refusal !== undefined) return "refused";
    const { tx } = this;
    tx.nowMs = Date.now();
    tx.seed = this.#seed++;
    const mark = reply.mark();
    let isBlocked = false;
    tx.runToEnd(() => {
      reply.rewind(mark);
      isBlocked = false;
      for (const { command, argv } of batch) {
        if (command.execute({ argv, reply, tx }) !== BLOCK) continue;
        if (isAll) command.replyTimeout?.(reply);
        else isBlocked = true;
      }
    });
    if (isBlocked) return "block";
    this.executedCount++;
    this.#notify();
    return "done";
  }

  #notify(): void {
    for (const name of this.tx.lastChanges.keys()) {
      if (!name.startsWith("record:")) continue;
      const key = name.slice("record:".length);
      this.#versions.set(key, ++this.#version);
      const watchers = [...(this.#watchers.get(key) ?? [])];
      this.#watchers.delete(key);
      for (const changed of watchers) changed();
    }
  }
}

export class MapExecutors implements Executors {
  /** What the next end of a turn answers. */
  appendError: string | undefined;
  turnCount = 0;
  readonly #slots = new Map<string, MapExecutor>();

  add(table: TableId, slot: number): MapExecutor {
    const executor = new MapExecutor(table, slot);
    this.#slots.set(`${table}/${slot}`, executor);
    return executor;
  }

  find(table: TableId, slot: number): MapExecutor | undefined {
    return this.#slots.get(`${table}/${slot}`);
  }

  *leading(table: TableId): Iterable<MapExecutor> {
    for (const executor of this.#slots.values()) if (executor.table === table && executor.isServing) yield executor;
  }

  endTurn(): string | undefined {
    this.turnCount++;
    const error = this.appendError;
    this.appendError = undefined;
    return error;
  }
}
