/** An engine over a MemoryStore with a clock that stands still, for tests; and one slot of it to run transactions on. */

import { Engine, type EngineDeps } from "../../node/engine/engine.ts";
import { type EngineOptions, engineOptions } from "../../node/engine/engine-options.ts";
import { MemoryStore } from "../../node/engine/memory-store.ts";
import type { SlotSpace } from "../../node/engine/slot-space.ts";
import { MISS, type Transaction } from "../../node/engine/transaction.ts";
import { MAX_MISSES } from "../../node/shard/slot-shard.ts";
import type { TransactionHarness } from "../contract/transaction.contract.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const SLOT = { table: 1, slot: 0, hashKey: { k0: 1, k1: 2 } };
/** Room for a few dozen small records. */
export const TINY_CACHE_BYTES = 24 * 1024;

export interface EngineHarnessOptions {
  readonly store?: MemoryStore;
  readonly engine?: Partial<EngineOptions>;
  readonly deps?: Partial<EngineDeps>;
}

export class EngineHarness implements TransactionHarness {
  readonly clock = new VirtualClock();
  readonly store: MemoryStore;
  readonly engine: Engine;
  readonly failures: unknown[] = [];
  /** Whether reads of what is not cached are made on this thread from the first one. */
  readsSynchronously = false;
  missCount = 0;
  nowMs = 1_700_000_000_000;
  #space: SlotSpace | undefined;

  constructor(options: EngineHarnessOptions = {}) {
    this.store = options.store ?? new MemoryStore();
    this.engine = new Engine(
      { ...engineOptions(64 * 1024 * 1024), ...options.engine },
      {
        store: this.store,
        clock: this.clock,
        log: { syncExecuted: async () => {} },
        fatal: (error) => this.failures.push(error),
        ...options.deps,
      },
    );
  }

  static async open(options: EngineHarnessOptions = {}): Promise<EngineHarness> {
    const harness = new EngineHarness(options);
    await harness.engine.open();
    return harness;
  }

  /** Makes every read that misses take `us` microseconds of the clock, as seen by the engine. */
  slowReads(us: number): void {
    this.store.faults.onReadSync = () => this.clock.advance(us / 1000);
  }

  get space(): SlotSpace {
    this.#space ??= this.engine.openSlot(SLOT, 1);
    return this.#space;
  }

  async run<T>(body: (tx: Transaction) => T, keeps = true): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const tx = this.engine.begin(this.space, this.nowMs, 7);
      if (this.readsSynchronously || attempt >= MAX_MISSES) tx.readSynchronously();
      try {
        const result = body(tx);
        if (!keeps) tx.rollback();
        else if (tx.commit()) this.space.setApplied(this.space.appliedIndex + 1, 1, 0);
        return result;
      } catch (thrown) {
        tx.rollback();
        if (thrown !== MISS) throw thrown;
        this.missCount++;
        await tx.loadMissed();
      }
    }
  }

  /** The process dies: a new one opens what the store has. */
  async crash(options: EngineHarnessOptions = {}): Promise<EngineHarness> {
    await this.engine.abandon();
    await this.store.close();
    return await EngineHarness.open({ ...options, store: this.store });
  }

  async close(): Promise<void> {
    await this.engine.close();
  }
}
