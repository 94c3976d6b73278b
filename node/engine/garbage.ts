/**
 * Deletes in the background what was dropped at once: generations (FLUSHDB, dropped replicas) and trees, in the
 * database; and entries of dropped generations in the cache.
 * Invariants: what is to be deleted is marked in the database by the batch that dropped it, and the mark is deleted
 * last, so that the work goes on after a crash. Slices are bounded and pause between them. Nothing here is read again.
 */

import type { Clock, Timer } from "../base/clock.ts";
import { OperatingError } from "../base/errors.ts";
import {
  droppedGenerationRange,
  droppedTreeRange,
  generationRange,
  parseDroppedGenerationKey,
  parseDroppedTreeKey,
  treeRange,
} from "./key-codec.ts";
import type { RecordCache } from "./record-cache.ts";
import type { SlotSpace } from "./slot-space.ts";
import type { Store, StoreEntry, StoreRange } from "./store.ts";

const ROUND_MS = 500;
/** Keys read and deleted at a time: pages have 4 KiB. */
const SLICE_KEYS = 256;
/** Slices of one round: some 1.000 pages a second and no more, beside the work for clients. */
const ROUND_SLICES = 16;
/** Cache items looked at in one turn. */
const SWEEP_ITEMS = 2048;

export interface BackgroundDeps {
  readonly store: Store;
  readonly cache: RecordCache;
  readonly clock: Clock;
  readonly spaces: () => Iterable<SlotSpace>;
  readonly fatal: (error: unknown) => void;
}

export class GarbageCollector {
  /** Keys deleted since the start. */
  deletedCount = 0;
  readonly #deps: BackgroundDeps;
  #timer: Timer | undefined;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  #mayHaveGenerations = true;
  #sweepHand: { chunk: number; item: number } | undefined;

  constructor(deps: BackgroundDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.after(ROUND_MS, () => {
      if (this.#isStopped) return;
      this.#running = this.collect()
        .then(() => {})
        .catch((error) => this.#failed(error))
        .finally(() => {
          if (!this.#isStopped) this.start();
        });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** A slot was opened with data of an earlier run. */
  noteStored(space: SlotSpace): void {
    space.mayHaveDroppedTrees = true;
  }

  /** A generation was dropped. */
  noteDropped(): void {
    this.#mayHaveGenerations = true;
    this.#sweepHand = { chunk: 1, item: 0 };
  }

  /** One round. Answers whether all garbage known by now is gone. */
  async collect(): Promise<boolean> {
    let slices = ROUND_SLICES;
    await this.#sweep();
    if (this.#mayHaveGenerations) {
      this.#mayHaveGenerations = false;
      for (const { key } of await this.#read({ ...droppedGenerationRange(), limit: SLICE_KEYS })) {
        slices = await this.#deleteRange(generationRange(parseDroppedGenerationKey(key), SLICE_KEYS), key, { slices });
        if (slices <= 0) {
          this.#mayHaveGenerations = true;
          return false;
        }
      }
    }
    for (const space of this.#deps.spaces()) {
      if (!space.mayHaveDroppedTrees) continue;
      space.mayHaveDroppedTrees = false;
      const { generation } = space;
      const marks = await this.#read(droppedTreeRange(generation, SLICE_KEYS));
      if (marks.length === SLICE_KEYS) space.mayHaveDroppedTrees = true;
      for (const { key } of marks) {
        const range = treeRange(generation, parseDroppedTreeKey(key), SLICE_KEYS);
        slices = await this.#deleteRange(range, key, { slices, space });
        if (slices <= 0) {
          space.mayHaveDroppedTrees = true;
          return false;
        }
      }
    }
    return this.#sweepHand === undefined && !this.#mayHaveGenerations;
  }

  /** Deletes a range and then its mark, within a number of slices; answers how many are left. */
  async #deleteRange(
    range: StoreRange,
    mark: Buffer,
    budget: { slices: number; readonly space?: SlotSpace },
  ): Promise<number> {
    const { store } = this.#deps;
    for (let { slices } = budget; slices > 0 && !this.#isStopped; slices--) {
      const entries = await this.#read(range);
      const batch = store.newBatch();
      for (const { key, value } of entries) {
        batch.delete(key);
        if (budget.space) budget.space.sizeBytes -= value.length;
      }
      const isEnd = entries.length < SLICE_KEYS;
      if (isEnd) batch.delete(mark);
      await store.write(batch, { sync: false });
      this.deletedCount += entries.length;
      if (isEnd) return slices - 1;
    }
    return 0;
  }

  async #read(range: StoreRange): Promise<readonly StoreEntry[]> {
    const iterator = this.#deps.store.iterate(range);
    try {
      return await iterator.next(SLICE_KEYS);
    } finally {
      await iterator.close();
    }
  }

  async #sweep(): Promise<void> {
    while (this.#sweepHand !== undefined && !this.#isStopped) {
      if (this.#deps.cache.sweep(this.#sweepHand, SWEEP_ITEMS)) this.#sweepHand = undefined;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  #failed(error: unknown): void {
    // Not open: the flusher is about to open it anew after a full disk. The marks are still there.
    const isPassing = error instanceof OperatingError && error.code !== "StoreCorrupt";
    this.#mayHaveGenerations = true;
    for (const space of this.#deps.spaces()) space.mayHaveDroppedTrees = true;
    if (!isPassing) this.#deps.fatal(error);
  }
}
