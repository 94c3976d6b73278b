/**
 * MetadataStore in one LevelDB directory, for one manager process (`pika up`, development, a single node).
 * LevelDB's lock keeps a second process out. All data are in memory too; the database is read once, at opening.
 * Invariants: a commit is answered after it is on disk (one synced batch); commits run one after the other; leases live
 * in the process: whatever was put under a lease is deleted at the next opening, since its owner ended with the process.
 *
 * Keys in the database: `r` → revision (u64); `k` + key → created u64, modified u64, flags u8 (1: under a lease), value.
 */

import { type BatchOperation, ClassicLevel } from "classic-level";
import { assert } from "../../../node/base/assert.ts";
import type { Clock, Timer } from "../../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../../node/base/errors.ts";
import {
  type CommitResult,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  type MetadataChange,
  type MetadataCompare,
  type MetadataEntry,
  type MetadataLease,
  type MetadataList,
  type MetadataStore,
  type MetadataTransaction,
  type MetadataWatch,
  type MetadataWatchListener,
  type MetadataWrite,
  transactionBytes,
} from "./metadata-store.ts";

interface StoredEntry extends MetadataEntry {
  readonly lease: EmbeddedLease | undefined;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: MetadataWatchListener;
}

type Batch = BatchOperation<ClassicLevel<Buffer, Buffer>, Buffer, Buffer>[];

const HEADER_BYTES = 17;
const LEASED = 1;
const REVISION_KEY = Buffer.from("r");
/** Transactions kept for watches that start in the past. */
const HISTORY_COUNT = 1000;

export class EmbeddedMetadataStore implements MetadataStore {
  readonly #db: ClassicLevel<Buffer, Buffer>;
  readonly #clock: Clock;
  readonly #entries = new Map<string, StoredEntry>();
  readonly #watchers = new Set<Watcher>();
  readonly #leases = new Set<EmbeddedLease>();
  #history: { readonly revision: number; readonly changes: readonly MetadataChange[] }[] = [];
  #historyFrom = 0;
  #revision = 1;
  #tail: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(db: ClassicLevel<Buffer, Buffer>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Opens or makes the store in a directory.
   * @throws OperatingError `StoreUnavailable` when another process has it open, or it cannot be read.
   */
  static async open(directory: string, clock: Clock): Promise<EmbeddedMetadataStore> {
    const db = new ClassicLevel<Buffer, Buffer>(directory, { keyEncoding: "buffer", valueEncoding: "buffer" });
    const store = new EmbeddedMetadataStore(db, clock);
    try {
      await db.open();
      await store.#load();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
      const text = `the metadata in ${directory} cannot be opened: ${cause}; if another manager runs there, stop it first`;
      throw new OperatingError("StoreUnavailable", text, { cause: error, data: { directory } });
    }
    return store;
  }

  async get(key: string): Promise<MetadataEntry | undefined> {
    this.#checkOpen();
    const entry = this.#entries.get(key);
    return entry && toEntry(entry);
  }

  async list(prefix: string): Promise<MetadataList> {
    this.#checkOpen();
    const entries = [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .map(toEntry)
      .toSorted((a, b) => (a.key < b.key ? -1 : 1));
    return { revision: this.#revision, entries };
  }

  commit(transaction: MetadataTransaction): Promise<CommitResult> {
    assert(transaction.writes.length <= MAX_TRANSACTION_OPERATIONS, "a transaction has at most 128 writes");
    assert(transactionBytes(transaction) <= MAX_TRANSACTION_BYTES, "a transaction has at most 1 MiB");
    return this.#enqueue(() => this.#apply(transaction));
  }

  async grantLease(ttlMs: number): Promise<MetadataLease> {
    assert(ttlMs >= 1000 && ttlMs % 1000 === 0, "a lease lasts whole seconds, at least one");
    this.#checkOpen();
    const lease = new EmbeddedLease(ttlMs, this.#clock, (ended) => this.#endLease(ended));
    this.#leases.add(lease);
    return lease;
  }

  watch(
    from: { readonly prefix: string; readonly afterRevision: number },
    listener: MetadataWatchListener,
  ): MetadataWatch {
    const watcher: Watcher = { prefix: from.prefix, listener };
    let isOpen = true;
    queueMicrotask(() => {
      if (!isOpen || this.#isClosed) return;
      if (from.afterRevision < this.#historyFrom) {
        listener.onLost();
        return;
      }
      this.#watchers.add(watcher);
      const missed = this.#history.filter(({ revision }) => revision > from.afterRevision);
      for (const { changes } of missed) if (isOpen) tell(watcher, changes);
    });
    return {
      close: () => {
        isOpen = false;
        this.#watchers.delete(watcher);
      },
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const lease of this.#leases) lease.forget();
    this.#watchers.clear();
    await this.#tail.catch(() => undefined);
    await this.#db.close();
  }

  async #load(): Promise<void> {
    const leased: Batch = [];
    for await (const [key, value] of this.#db.iterator()) {
      if (key.equals(REVISION_KEY)) {
        this.#revision = Number(value.readBigUInt64BE(0));
      } else if (value[16] === LEASED) {
        leased.push({ type: "del", key });
      } else {
        const entry: StoredEntry = {
          key: key.toString("utf8", 1),
          value: value.subarray(HEADER_BYTES),
          createdRevision: Number(value.readBigUInt64BE(0)),
          modifiedRevision: Number(value.readBigUInt64BE(8)),
          lease: undefined,
        };
        this.#entries.set(entry.key, entry);
      }
    }
    if (leased.length > 0) {
      this.#revision++;
      await this.#db.batch([...leased, this.#revisionWrite(this.#revision)], { sync: true });
    }
    this.#historyFrom = this.#revision;
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #apply(transaction: MetadataTransaction): Promise<CommitResult> {
    this.#checkOpen();
    if (!transaction.compares.every((compare) => this.#holds(compare))) return { isCommitted: false };
    for (const write of transaction.writes) {
      if (write.kind === "put" && write.lease !== undefined) asLease(write.lease).check();
    }
    const revision = this.#revision + 1;
    const batch: Batch = [];
    const changes: MetadataChange[] = [];
    const updates: { key: string; entry: StoredEntry | undefined }[] = [];
    for (const write of transaction.writes) this.#prepare(write, revision, { batch, changes, updates });
    if (changes.length === 0) return { isCommitted: true, revision: this.#revision };
    await this.#db.batch([...batch, this.#revisionWrite(revision)], { sync: true });
    this.#revision = revision;
    for (const { key, entry } of updates) {
      if (entry === undefined) this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
    this.#remember(revision, changes);
    return { isCommitted: true, revision };
  }

  #prepare(
    write: MetadataWrite,
    revision: number,
    out: { batch: Batch; changes: MetadataChange[]; updates: { key: string; entry: StoredEntry | undefined }[] },
  ): void {
    const before = this.#entries.get(write.key);
    const key = Buffer.from(`k${write.key}`);
    if (write.kind === "delete") {
      if (before === undefined) return;
      out.batch.push({ type: "del", key });
      out.updates.push({ key: write.key, entry: undefined });
      out.changes.push({ kind: "delete", key: write.key, modifiedRevision: revision });
      return;
    }
    const entry: StoredEntry = {
      key: write.key,
      value: Buffer.from(write.value),
      createdRevision: before?.createdRevision ?? revision,
      modifiedRevision: revision,
      lease: write.lease === undefined ? undefined : asLease(write.lease),
    };
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeBigUInt64BE(BigInt(entry.createdRevision), 0);
    header.writeBigUInt64BE(BigInt(revision), 8);
    header[16] = entry.lease === undefined ? 0 : LEASED;
    out.batch.push({ type: "put", key, value: Buffer.concat([header, entry.value]) });
    out.updates.push({ key: write.key, entry });
    out.changes.push({ kind: "put", entry: toEntry(entry) });
  }

  #holds(compare: MetadataCompare): boolean {
    const entry = this.#entries.get(compare.key);
    if ("createdRevision" in compare) return (entry?.createdRevision ?? 0) === compare.createdRevision;
    return (entry?.modifiedRevision ?? 0) === compare.modifiedRevision;
  }

  #remember(revision: number, changes: readonly MetadataChange[]): void {
    this.#history.push({ revision, changes });
    if (this.#history.length > HISTORY_COUNT) this.#historyFrom = this.#history.shift()?.revision ?? revision;
    for (const watcher of this.#watchers) tell(watcher, changes);
  }

  #endLease(lease: EmbeddedLease): Promise<void> {
    this.#leases.delete(lease);
    return this.#enqueue(async () => {
      if (this.#isClosed) return;
      const keys = [...this.#entries.values()].filter((entry) => entry.lease === lease).map(({ key }) => key);
      if (keys.length > 0) {
        await this.#apply({ compares: [], writes: keys.map((key) => ({ kind: "delete" as const, key })) });
      }
    });
  }

  #revisionWrite(revision: number): { type: "put"; key: Buffer; value: Buffer } {
    const value = Buffer.alloc(8);
    value.writeBigUInt64BE(BigInt(revision));
    return { type: "put", key: REVISION_KEY, value };
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new OperatingError("StoreUnavailable", "the metadata store is closed");
  }
}

class EmbeddedLease implements MetadataLease {
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #onEnd: (lease: EmbeddedLease) => Promise<void>;
  #timer: Timer;
  #isEnded = false;

  constructor(ttlMs: number, clock: Clock, onEnd: (lease: EmbeddedLease) => Promise<void>) {
    this.ttlMs = ttlMs;
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#timer = this.#arm();
  }

  async keepAlive(): Promise<void> {
    this.check();
    this.#timer.cancel();
    this.#timer = this.#arm();
  }

  async revoke(): Promise<void> {
    if (this.#isEnded) return;
    this.forget();
    await this.#onEnd(this);
  }

  /** @throws OperatingError `LeaseLost` after its end. */
  check(): void {
    if (this.#isEnded) throw new OperatingError("LeaseLost", "the lease has expired or was revoked");
  }

  /** Ends it without telling anybody (the store closes). */
  forget(): void {
    this.#isEnded = true;
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.#clock.after(this.ttlMs, () => {
      this.#isEnded = true;
      this.#onEnd(this).catch(() => undefined);
    });
  }
}

function asLease(lease: MetadataLease): EmbeddedLease {
  assert(lease instanceof EmbeddedLease, "a lease is used with the store that granted it");
  return lease;
}

function toEntry({ key, value, createdRevision, modifiedRevision }: StoredEntry): MetadataEntry {
  return { key, value, createdRevision, modifiedRevision };
}

function tell(watcher: Watcher, changes: readonly MetadataChange[]): void {
  const relevant = changes.filter((change) =>
    (change.kind === "put" ? change.entry.key : change.key).startsWith(watcher.prefix),
  );
  if (relevant.length > 0) watcher.listener.onChanges(relevant);
}
