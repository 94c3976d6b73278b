/** A clock and a metadata store that stand still on demand, as for a process that the system does not run. */

import { type Clock, SystemClock, type Timer } from "../../node/base/clock.ts";
import type {
  CommitResult,
  MetadataEntry,
  MetadataLease,
  MetadataList,
  MetadataStore,
  MetadataTransaction,
  MetadataWatch,
  MetadataWatchListener,
} from "../../operator/manager/store/metadata-store.ts";

/** While it is paused time does not pass and no timer fires; at `resume` it jumps to the real time. */
export class PausableClock implements Clock {
  readonly #real: Clock;
  #frozenAtMs: number | undefined;
  #due: (() => void)[] = [];

  constructor(real: Clock = new SystemClock()) {
    this.#real = real;
  }

  pause(): void {
    this.#frozenAtMs = this.#real.monotonicMs();
  }

  resume(): void {
    this.#frozenAtMs = undefined;
    for (const run of this.#due.splice(0)) run();
  }

  wallMs(): number {
    return this.#real.wallMs();
  }

  monotonicMs(): number {
    return this.#frozenAtMs ?? this.#real.monotonicMs();
  }

  after(delayMs: number, run: () => void): Timer {
    let isCancelled = false;
    const fire = () => {
      if (isCancelled) return;
      if (this.#frozenAtMs === undefined) run();
      else this.#due.push(fire);
    };
    const timer = this.#real.after(delayMs, fire);
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}

/** Passes every call on; while it is paused calls wait, and no change is told. */
export class PausableStore implements MetadataStore {
  readonly #inner: MetadataStore;
  #gate: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  /** Calls that wait. */
  waiting = 0;

  constructor(inner: MetadataStore) {
    this.#inner = inner;
  }

  pause(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  get(key: string): Promise<MetadataEntry | undefined> {
    return this.#pass(() => this.#inner.get(key));
  }

  list(prefix: string): Promise<MetadataList> {
    return this.#pass(() => this.#inner.list(prefix));
  }

  commit(transaction: MetadataTransaction): Promise<CommitResult> {
    return this.#pass(() => this.#inner.commit(transaction));
  }

  async grantLease(ttlMs: number): Promise<MetadataLease> {
    const lease = await this.#pass(() => this.#inner.grantLease(ttlMs));
    const keepAlive = lease.keepAlive.bind(lease);
    // The same object: the store behind knows its own leases.
    lease.keepAlive = () => this.#pass(keepAlive);
    return lease;
  }

  watch(
    from: { readonly prefix: string; readonly afterRevision: number },
    listener: MetadataWatchListener,
  ): MetadataWatch {
    return this.#inner.watch(from, {
      onChanges: (changes) => void this.#pass(async () => listener.onChanges(changes)),
      onLost: () => void this.#pass(async () => listener.onLost()),
    });
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#gate !== undefined) {
      this.waiting++;
      await this.#gate.promise;
      this.waiting--;
    }
    return await run();
  }
}
