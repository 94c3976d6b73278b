/**
 * MetadataStore in memory, for simulations: a shared MemoryMetadata, and a view of it for each client. Passes the
 * contract suite. A view asks `weather` before and after each call, which may wait or throw.
 */

import { assert } from "../../node/base/assert.ts";
import type { Clock, Timer } from "../../node/base/clock.ts";
import { OperatingError } from "../../node/base/errors.ts";
import {
  type CommitResult,
  MAX_TRANSACTION_OPERATIONS,
  type MetadataChange,
  type MetadataEntry,
  type MetadataLease,
  type MetadataList,
  type MetadataStore,
  type MetadataTransaction,
  type MetadataWatch,
  type MetadataWatchListener,
} from "../../operator/manager/store/metadata-store.ts";

interface Stored extends MetadataEntry {
  readonly lease: object | undefined;
}

interface Watcher {
  readonly prefix: string;
  readonly listener: MetadataWatchListener;
}

interface LeaseEntry {
  timer: Timer | undefined;
}

/** The data, and the time by which leases run out: the store's own. */
export class MemoryMetadata {
  readonly clock: Clock;
  readonly entries = new Map<string, Stored>();
  readonly watchers = new Set<Watcher>();
  readonly leases = new Map<object, LeaseEntry>();
  readonly history: { readonly revision: number; readonly changes: readonly MetadataChange[] }[] = [];
  revision = 1;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  apply({ compares, writes }: MetadataTransaction): CommitResult {
    for (const compare of compares) {
      const entry = this.entries.get(compare.key);
      const [actual, wanted] =
        "createdRevision" in compare
          ? [entry?.createdRevision, compare.createdRevision]
          : [entry?.modifiedRevision, compare.modifiedRevision];
      if ((actual ?? 0) !== wanted) return { isCommitted: false };
    }
    for (const write of writes) {
      if (write.kind === "put" && write.lease !== undefined && !this.leases.has(write.lease)) throw leaseLost();
    }
    const revision = this.revision + 1;
    const changes: MetadataChange[] = [];
    for (const write of writes) {
      const before = this.entries.get(write.key);
      if (write.kind === "delete") {
        if (this.entries.delete(write.key))
          changes.push({ kind: "delete", key: write.key, modifiedRevision: revision });
        continue;
      }
      const { key } = write;
      const value = Buffer.from(write.value);
      const entry = { key, value, createdRevision: before?.createdRevision ?? revision, modifiedRevision: revision };
      this.entries.set(key, { ...entry, lease: write.lease });
      changes.push({ kind: "put", entry });
    }
    if (changes.length > 0) {
      this.revision = revision;
      this.history.push({ revision, changes });
      for (const watcher of this.watchers) tell(watcher, changes);
    }
    return { isCommitted: true, revision: this.revision };
  }

  arm(lease: MetadataLease): void {
    this.leases.get(lease)?.timer?.cancel();
    this.leases.set(lease, { timer: this.clock.after(lease.ttlMs, () => this.end(lease)) });
  }

  end(lease: object): void {
    this.leases.get(lease)?.timer?.cancel();
    this.leases.delete(lease);
    const gone = [...this.entries.values()].filter((entry) => entry.lease === lease);
    this.apply({ compares: [], writes: gone.map(({ key }) => ({ kind: "delete", key })) });
  }
}

/** What happens on the way to the store and back; both may wait, and throw what the caller gets. */
export interface Weather {
  before(): Promise<void>;
  after(): Promise<void>;
}

const CALM: Weather = { before: async () => {}, after: async () => {} };

export class MemoryMetadataStore implements MetadataStore {
  readonly #data: MemoryMetadata;
  readonly #weather: Weather;
  readonly #watches = new Set<Watcher>();
  #isClosed = false;

  constructor(data: MemoryMetadata, weather: Weather = CALM) {
    this.#data = data;
    this.#weather = weather;
  }

  get(key: string): Promise<MetadataEntry | undefined> {
    return this.#call(() => {
      const entry = this.#data.entries.get(key);
      return entry && toEntry(entry);
    });
  }

  list(prefix: string): Promise<MetadataList> {
    return this.#call(() => ({
      revision: this.#data.revision,
      entries: [...this.#data.entries.values()]
        .filter(({ key }) => key.startsWith(prefix))
        .map(toEntry)
        .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    }));
  }

  async commit(transaction: MetadataTransaction): Promise<CommitResult> {
    assert(transaction.writes.length <= MAX_TRANSACTION_OPERATIONS, "a transaction has at most 128 writes");
    return await this.#call(() => this.#data.apply(transaction));
  }

  grantLease(ttlMs: number): Promise<MetadataLease> {
    return this.#call(() => {
      const lease: MetadataLease = {
        ttlMs,
        keepAlive: () =>
          this.#call(() => {
            if (!this.#data.leases.has(lease)) throw leaseLost();
            this.#data.arm(lease);
          }),
        revoke: () => this.#call(() => this.#data.end(lease)),
      };
      this.#data.arm(lease);
      return lease;
    });
  }

  watch(
    from: { readonly prefix: string; readonly afterRevision: number },
    listener: MetadataWatchListener,
  ): MetadataWatch {
    const watcher: Watcher = { prefix: from.prefix, listener };
    let isOpen = true;
    queueMicrotask(() => {
      if (!isOpen) return;
      this.#data.watchers.add(watcher);
      this.#watches.add(watcher);
      for (const { revision, changes } of this.#data.history) if (revision > from.afterRevision) tell(watcher, changes);
    });
    return {
      close: () => {
        isOpen = false;
        this.#data.watchers.delete(watcher);
        this.#watches.delete(watcher);
      },
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const watcher of this.#watches) this.#data.watchers.delete(watcher);
  }

  async #call<T>(run: () => T): Promise<T> {
    if (this.#isClosed) throw new OperatingError("StoreUnavailable", "the metadata store is closed");
    await this.#weather.before();
    const result = run();
    await this.#weather.after();
    return result;
  }
}

function leaseLost(): OperatingError {
  return new OperatingError("LeaseLost", "the lease has expired or was revoked");
}

function toEntry({ key, value, createdRevision, modifiedRevision }: Stored): MetadataEntry {
  return { key, value, createdRevision, modifiedRevision };
}

function tell(watcher: Watcher, changes: readonly MetadataChange[]): void {
  const relevant = changes.filter((change) =>
    (change.kind === "put" ? change.entry.key : change.key).startsWith(watcher.prefix),
  );
  if (relevant.length > 0) watcher.listener.onChanges(relevant);
}
