/**
 * The database as a port: an ordered map of byte strings with atomic batches and snapshots.
 * Implementations: LevelStore (classic-level, the only file that imports it) and MemoryStore (tests, simulation).
 * Keys and their meaning are in docs/formats/keys.md; nothing here knows them.
 */

export interface StoreBatch {
  /** Bytes of all keys and values put so far. */
  readonly sizeBytes: number;
  readonly operationCount: number;
  /** Key and value are copied at once, so they may lie in memory that changes. A later operation on a key wins. */
  put(key: Buffer, value: Buffer): void;
  delete(key: Buffer): void;
  /** Lets go of a batch that will not be written. */
  discard(): void;
}

/** A half-open range of keys: from `gte`, up to but without `lt`. */
export interface StoreRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
  /** Highest number of entries; all when absent. */
  readonly limit?: number;
}

export interface StoreEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A view of the database at one moment. Must be closed. */
export interface StoreSnapshot {
  getSync(key: Buffer): Buffer | undefined;
  close(): Promise<void>;
}

/** Reads a range in slices. Must be closed. */
export interface StoreIterator {
  /** The `count` next entries; fewer only at the end. */
  next(count: number): Promise<readonly StoreEntry[]>;
  close(): Promise<void>;
}

/**
 * All methods but `getSync` are asynchronous and work on the library's threads. There is no synchronous read of a range:
 * LevelDB's iterators are asynchronous. `close` and then `open` again is allowed, and is the way out of StoreFull.
 * Errors: OperatingError `StoreFull` (no space: closed and opened again once there is room, DESIGN §4.9),
 * `StoreCorrupt`, `StoreFailed`; after the last two the node stops.
 */
export interface Store {
  open(): Promise<void>;
  close(): Promise<void>;
  /** Reads one value on this thread (about 3 to 6 µs from the page cache). */
  getSync(key: Buffer): Buffer | undefined;
  /** Reads values on the thread pool, in the order of `keys`. */
  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]>;
  newBatch(): StoreBatch;
  /** Writes a batch atomically; durable on return only with `sync`. A batch can be written once. */
  write(batch: StoreBatch, options: { readonly sync: boolean }): Promise<void>;
  snapshot(): StoreSnapshot;
  iterate(range: StoreRange, snapshot?: StoreSnapshot): StoreIterator;
  /** Estimated bytes on disk of a range. */
  approximateSizeBytes(range: StoreRange): Promise<number>;
}
