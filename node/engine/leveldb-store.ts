/**
 * The Store over LevelDB (package classic-level): the only file that imports it.
 * Invariants: every error that leaves this file is an OperatingError; `close` waits for what is under way;
 * after `close` the same object can be opened again (the way out of a full disk: LevelDB 1.20 answers every write
 * after an ENOSPC with that error until it is closed and opened).
 */

import { ClassicLevel } from "classic-level";
import { assert } from "../base/assert.ts";
import { messageOf, OperatingError } from "../base/errors.ts";
import type { Store, StoreBatch, StoreEntry, StoreIterator, StoreRange, StoreSnapshot } from "./store.ts";

export interface LevelStoreOptions {
  /** Directory of the database; made when it is not there. */
  readonly location: string;
  /**
   * Bytes of a memtable; up to two are held in memory. 16 MiB holds two of the largest flush batches, and a fourth
   * of the compactions of LevelDB's default 4 MiB.
   */
  readonly writeBufferBytes: number;
  /** Bytes of LevelDB's own cache of blocks. Small: the record cache is in front of it, the page cache behind. */
  readonly blockCacheBytes: number;
}

type Level = ClassicLevel<Buffer, Buffer>;
type LevelSnapshotHandle = ReturnType<Level["snapshot"]>;

/** What an iterator reads in one go on the library's thread; the library's 16 KiB are four pages. */
const HIGH_WATER_BYTES = 256 * 1024;
const BUFFERS = { keyEncoding: "buffer", valueEncoding: "buffer" } as const;

/**
 * The library's batch by the methods that its public ones end in. The public ones close a batch for good when it is
 * written, and its memory, which V8 does not know of, is freed by some later garbage collection: at full load 136 MiB
 * of written batches were waiting for one (measured). Through these a batch is cleared and used again.
 */
interface NativeBatch {
  _put(key: Buffer, value: Buffer): void;
  _del(key: Buffer): void;
  _clear(): void;
  _write(options: { readonly sync: boolean }): Promise<void>;
  close(): Promise<void>;
}

/** Cleared batches that are kept; each has the room of the largest that it ever held. */
const MAX_SPARE_BATCHES = 2;
/** A batch that held more (one huge value) is not kept: slots are flushed by jobs of a few MiB at most. */
const MAX_SPARE_BYTES = 8 * 1024 * 1024;

/** Converts whatever the library throws. */
function storeError(thrown: unknown, doing: string, location: string): OperatingError {
  if (thrown instanceof OperatingError) return thrown;
  const causes: string[] = [];
  let code = "";
  for (let at: unknown = thrown; at instanceof Error; at = at.cause) {
    causes.push(at.message);
    if ("code" in at && typeof at.code === "string") code += ` ${at.code}`;
  }
  const text = causes.length > 0 ? causes.join(": ") : messageOf(thrown);
  const options = { cause: thrown, data: { location } };
  if (/no space left|disk quota exceeded|ENOSPC|EDQUOT/i.test(text + code)) {
    return new OperatingError(
      "StoreFull",
      `the disk of ${location} is full while ${doing} (${text}): free space on it; writes go on by themselves then`,
      options,
    );
  }
  if (/corruption/i.test(text + code)) {
    return new OperatingError(
      "StoreCorrupt",
      `the database ${location} is damaged, found while ${doing} (${text}): restore this node from its replicas`,
      options,
    );
  }
  const advice = /LEVEL_LOCKED/.test(code) ? "another process has it open" : "check the disk and its mount";
  return new OperatingError(
    "StoreFailed",
    `the database ${location} failed while ${doing} (${text}): ${advice}`,
    options,
  );
}

class LevelBatchWriter implements StoreBatch {
  sizeBytes = 0;
  operationCount = 0;
  /** The database that it was made by: closed or opened anew it takes the batch no more. */
  readonly db: Level;
  #native: NativeBatch | undefined;
  readonly #giveBack: (native: NativeBatch, sizeBytes: number) => void;

  constructor(db: Level, native: NativeBatch, giveBack: (native: NativeBatch, sizeBytes: number) => void) {
    this.db = db;
    this.#native = native;
    this.#giveBack = giveBack;
  }

  put(key: Buffer, value: Buffer): void {
    this.#open()._put(key, value);
    this.sizeBytes += key.length + value.length;
    this.operationCount++;
  }

  delete(key: Buffer): void {
    this.#open()._del(key);
    this.sizeBytes += key.length;
    this.operationCount++;
  }

  discard(): void {
    this.#giveBack(this.#take(), this.sizeBytes);
  }

  async write(options: { readonly sync: boolean }): Promise<void> {
    const native = this.#take();
    try {
      if (this.operationCount > 0) await native._write(options);
    } finally {
      this.#giveBack(native, this.sizeBytes);
    }
  }

  #open(): NativeBatch {
    assert(this.#native !== undefined, "a batch is written or discarded once, at its end");
    return this.#native;
  }

  #take(): NativeBatch {
    const native = this.#open();
    this.#native = undefined;
    return native;
  }
}

class LevelStoreSnapshot implements StoreSnapshot {
  readonly handle: LevelSnapshotHandle;
  readonly #read: (key: Buffer, snapshot: LevelSnapshotHandle) => Buffer | undefined;

  constructor(handle: LevelSnapshotHandle, read: (key: Buffer, snapshot: LevelSnapshotHandle) => Buffer | undefined) {
    this.handle = handle;
    this.#read = read;
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#read(key, this.handle);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

export class LevelStore implements Store {
  readonly #options: LevelStoreOptions;
  #db: Level | undefined;
  /** Of the open database. */
  #spareBatches: NativeBatch[] = [];

  constructor(options: LevelStoreOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    assert(this.#db === undefined, "a store is opened once before it is closed");
    const db: Level = new ClassicLevel(this.#options.location, {
      ...BUFFERS,
      writeBufferSize: this.#options.writeBufferBytes,
      cacheSize: this.#options.blockCacheBytes,
    });
    await this.#convert("opening it", () => db.open());
    this.#db = db;
  }

  async close(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    this.#spareBatches = [];
    if (db) await this.#convert("closing it", () => db.close());
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#getSync(key, undefined);
  }

  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    // The library only reads the list; its type asks for a mutable one.
    return this.#convert("reading", () => this.#opened().getMany(keys as Buffer[]));
  }

  newBatch(): StoreBatch {
    const db = this.#opened();
    const native = this.#spareBatches.pop() ?? (db.batch() as unknown as NativeBatch);
    return new LevelBatchWriter(db, native, (used, sizeBytes) => {
      used._clear();
      const isKept = this.#db === db && sizeBytes <= MAX_SPARE_BYTES && this.#spareBatches.length < MAX_SPARE_BATCHES;
      if (isKept) this.#spareBatches.push(used);
      else void used.close();
    });
  }

  async write(batch: StoreBatch, options: { readonly sync: boolean }): Promise<void> {
    assert(batch instanceof LevelBatchWriter, "a batch is written by the store that made it");
    // The native write does not look whether the database is open.
    if (batch.db !== this.#db) throw this.#notOpen();
    await this.#convert("writing", () => batch.write(options));
  }

  snapshot(): StoreSnapshot {
    return new LevelStoreSnapshot(this.#opened().snapshot(), (key, handle) => this.#getSync(key, handle));
  }

  iterate(range: StoreRange, snapshot?: StoreSnapshot): StoreIterator {
    const iterator = this.#opened().iterator({
      gte: range.gte,
      lt: range.lt,
      highWaterMarkBytes: HIGH_WATER_BYTES,
      ...(range.limit === undefined ? {} : { limit: range.limit }),
      ...(snapshot instanceof LevelStoreSnapshot ? { snapshot: snapshot.handle } : {}),
    });
    return {
      next: (count) =>
        this.#convert("reading a range", async () => {
          const entries: StoreEntry[] = [];
          // The library ends a slice early when it has HIGH_WATER_BYTES.
          while (entries.length < count) {
            const slice = await iterator.nextv(count - entries.length);
            if (slice.length === 0) break;
            for (const [key, value] of slice) entries.push({ key, value });
          }
          return entries;
        }),
      close: () => iterator.close(),
    };
  }

  approximateSizeBytes(range: StoreRange): Promise<number> {
    return this.#convert("measuring a range", () => this.#opened().approximateSize(range.gte, range.lt));
  }

  #opened(): Level {
    if (this.#db) return this.#db;
    throw this.#notOpen();
  }

  #notOpen(): OperatingError {
    return new OperatingError("StoreFailed", `the database ${this.#options.location} is not open`);
  }

  #getSync(key: Buffer, snapshot: LevelSnapshotHandle | undefined): Buffer | undefined {
    try {
      const db = this.#opened();
      return snapshot ? db.getSync<Buffer, Buffer>(key, { snapshot }) : db.getSync(key);
    } catch (thrown) {
      throw storeError(thrown, "reading", this.#options.location);
    }
  }

  async #convert<T>(doing: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (thrown) {
      throw storeError(thrown, doing, this.#options.location);
    }
  }
}
