/**
 * The Store as a map in memory, with faults on demand: for tests and the simulation.
 * It keeps what was written with `sync` apart from what was not, so that a loss of power can be played.
 * The data outlives `close`, as on a disk. Refuses reads and writes while it is closed.
 */

import { assert } from "../base/assert.ts";
import { OperatingError } from "../base/errors.ts";
import type { Store, StoreBatch, StoreEntry, StoreIterator, StoreRange, StoreSnapshot } from "./store.ts";

/** What a test may make go wrong; all may be changed at any time. */
export interface MemoryStoreFaults {
  /** Awaited before each `getMany` and each slice of an iterator. */
  delayRead?: () => Promise<void>;
  /** Called in each `getSync`; to let a fake clock pass. */
  onReadSync?: () => void;
  /** Awaited before each batch is applied; what it throws is what the write fails with. */
  beforeWrite?: () => Promise<void>;
  /** Bytes of keys and values that fit: a write that needs more fails with StoreFull, and all after it until a reopen. */
  capacityBytes?: number;
}

interface Operation {
  readonly key: string;
  /** Undefined: delete. */
  readonly value: Buffer | undefined;
}

type Data = Map<string, Buffer>;

class MemoryBatch implements StoreBatch {
  readonly operations: Operation[] = [];
  sizeBytes = 0;
  isWritten = false;

  get operationCount(): number {
    return this.operations.length;
  }

  put(key: Buffer, value: Buffer): void {
    this.operations.push({ key: key.toString("latin1"), value: Buffer.from(value) });
    this.sizeBytes += key.length + value.length;
  }

  delete(key: Buffer): void {
    this.operations.push({ key: key.toString("latin1"), value: undefined });
    this.sizeBytes += key.length;
  }

  discard(): void {
    this.isWritten = true;
  }
}

class MemorySnapshot implements StoreSnapshot {
  readonly data: Data;

  constructor(data: Data) {
    this.data = data;
  }

  getSync(key: Buffer): Buffer | undefined {
    return copyOf(this.data.get(key.toString("latin1")));
  }

  async close(): Promise<void> {}
}

function copyOf(value: Buffer | undefined): Buffer | undefined {
  return value && Buffer.from(value);
}

function apply(data: Data, operations: readonly Operation[]): void {
  for (const { key, value } of operations) {
    if (value) data.set(key, value);
    else data.delete(key);
  }
}

export class MemoryStore implements Store {
  readonly faults: MemoryStoreFaults;
  #data: Data = new Map();
  #synced: Data = new Map();
  /** Batches since the last synced one. */
  #unsynced: (readonly Operation[])[] = [];
  #isOpen = false;
  #isFull = false;

  constructor(faults: MemoryStoreFaults = {}) {
    this.faults = faults;
  }

  async open(): Promise<void> {
    assert(!this.#isOpen, "a store is opened once before it is closed");
    this.#isOpen = true;
    this.#isFull = false;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  /** Plays a loss of power: of the batches that were not synced only the first `keptBatches` are left. Closes the store. */
  losePower(keptBatches = 0): void {
    this.#isOpen = false;
    this.#data = new Map(this.#synced);
    for (const batch of this.#unsynced.slice(0, keptBatches)) apply(this.#data, batch);
    this.#synced = new Map(this.#data);
    this.#unsynced = [];
  }

  /** Number of batches that a loss of power could take. */
  get unsyncedBatchCount(): number {
    return this.#unsynced.length;
  }

  getSync(key: Buffer): Buffer | undefined {
    this.#checkOpen();
    this.faults.onReadSync?.();
    return copyOf(this.#data.get(key.toString("latin1")));
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    this.#checkOpen();
    const values = keys.map((key) => copyOf(this.#data.get(key.toString("latin1"))));
    await this.faults.delayRead?.();
    return values;
  }

  newBatch(): StoreBatch {
    this.#checkOpen();
    return new MemoryBatch();
  }

  async write(batch: StoreBatch, options: { readonly sync: boolean }): Promise<void> {
    assert(batch instanceof MemoryBatch && !batch.isWritten, "a batch is written once, by the store that made it");
    this.#checkOpen();
    batch.isWritten = true;
    await this.faults.beforeWrite?.();
    this.#checkRoom(batch.sizeBytes);
    apply(this.#data, batch.operations);
    this.#unsynced.push(batch.operations);
    if (!options.sync) return;
    for (const operations of this.#unsynced) apply(this.#synced, operations);
    this.#unsynced = [];
  }

  snapshot(): StoreSnapshot {
    this.#checkOpen();
    return new MemorySnapshot(new Map(this.#data));
  }

  iterate(range: StoreRange, snapshot?: StoreSnapshot): StoreIterator {
    this.#checkOpen();
    const entries = entriesOf(snapshot instanceof MemorySnapshot ? snapshot.data : this.#data, range);
    let at = 0;
    return {
      next: async (count) => {
        await this.faults.delayRead?.();
        const slice = entries.slice(at, at + count);
        at += slice.length;
        return slice;
      },
      close: async () => {},
    };
  }

  async approximateSizeBytes(range: StoreRange): Promise<number> {
    this.#checkOpen();
    return entriesOf(this.#data, range).reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new OperatingError("StoreFailed", "the memory store is not open");
  }

  #checkRoom(addedBytes: number): void {
    const { capacityBytes } = this.faults;
    if (capacityBytes !== undefined) {
      let usedBytes = 0;
      for (const [key, value] of this.#data) usedBytes += key.length + value.length;
      if (usedBytes + addedBytes > capacityBytes) this.#isFull = true;
    }
    if (this.#isFull)
      throw new OperatingError("StoreFull", `the memory store holds ${capacityBytes} bytes and is full`);
  }
}

function entriesOf(data: Data, range: StoreRange): readonly StoreEntry[] {
  const gte = range.gte.toString("latin1");
  const lt = range.lt.toString("latin1");
  const keys = [...data.keys()].filter((key) => key >= gte && key < lt).sort();
  const entries: StoreEntry[] = [];
  for (const key of keys.slice(0, range.limit ?? keys.length)) {
    const value = data.get(key);
    if (value) entries.push({ key: Buffer.from(key, "latin1"), value: Buffer.from(value) });
  }
  return entries;
}
