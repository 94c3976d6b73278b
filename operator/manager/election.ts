/**
 * Who leads among the managers. Each registers its address under its lease and tries to create the leader's key under
 * the same lease; the revision of that creation is the winner's fencing token.
 * Invariants: `isLeading` is true only while the lease holds by this process's monotonic clock, counted from the sending
 * of the last renewal that was answered; a manager that lost its lease takes a new one before it campaigns again.
 * A write is never protected by this alone: every transaction compares the token.
 */

import type { Clock, Timer } from "../../node/base/clock.ts";
import { messageOf, OperatingError } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Logger } from "../../node/base/log.ts";
import type { MetadataKeys } from "./store/keys.ts";
import type { MetadataLease, MetadataStore, MetadataWatch } from "./store/metadata-store.ts";
import { decodeManager, encodeManager, type ManagerAddress } from "./store/records.ts";

export interface ElectionOptions {
  readonly self: ManagerAddress;
  /** Whole seconds, at least one. */
  readonly leaseTtlMs: number;
}

export interface ElectionDeps {
  readonly store: MetadataStore;
  readonly keys: MetadataKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This manager leads from now on, with this fencing token. */
  readonly onElected: (token: number) => void;
  /** It does not lead any more. */
  readonly onDeposed: () => void;
  /** The leader or the list of managers changed. */
  readonly onMembers: () => void;
}

/** Renewals in the life of a lease: two may fail. */
const RENEWALS_PER_LEASE = 4;

export class Election implements Service {
  readonly #options: ElectionOptions;
  readonly #deps: ElectionDeps;
  #lease: MetadataLease | undefined;
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #token: number | undefined;
  #leader: ManagerAddress | undefined;
  #managers: readonly ManagerAddress[] = [];
  #watches: readonly MetadataWatch[] = [];
  #timer: Timer | undefined;
  #expiry: Timer | undefined;
  #round: Promise<void> | undefined;
  #isAnotherRoundWanted = false;
  #storeFault: string | undefined;
  #isRunning = false;

  constructor(options: ElectionOptions, deps: ElectionDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Whether this manager leads, by its own clock. */
  get isLeading(): boolean {
    return this.#token !== undefined && this.#deps.clock.monotonicMs() < this.#validUntilMs;
  }

  /** The leader as it was last seen; undefined while there is none. */
  get leader(): ManagerAddress | undefined {
    return this.isLeading ? this.#options.self : this.#leader;
  }

  get managers(): readonly ManagerAddress[] {
    return this.#managers;
  }

  /** Why the metadata store could not be asked, for people; undefined while it answers. */
  get storeFault(): string | undefined {
    return this.#storeFault;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    this.#runSoon();
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#timer?.cancel();
    this.#expiry?.cancel();
    for (const watch of this.#watches) watch.close();
    this.#stepDown("stopping");
    await this.#round;
    await this.#lease?.revoke().catch(() => undefined);
  }

  /** Gives up leadership: another transaction showed that somebody else leads, or the state cannot be read. */
  resign(reason: string): void {
    this.#stepDown(reason);
    const lease = this.#lease;
    this.#lease = undefined;
    lease?.revoke().catch(() => undefined);
    this.#runSoon();
  }

  #runSoon(): void {
    if (!this.#isRunning) return;
    if (this.#round !== undefined) {
      this.#isAnotherRoundWanted = true;
      return;
    }
    this.#timer?.cancel();
    this.#round = this.#runRound().finally(() => {
      this.#round = undefined;
      if (!this.#isRunning) return;
      if (this.#isAnotherRoundWanted) {
        this.#isAnotherRoundWanted = false;
        this.#runSoon();
      } else {
        this.#timer = this.#deps.clock.after(this.#options.leaseTtlMs / RENEWALS_PER_LEASE, () => this.#runSoon());
      }
    });
  }

  async #runRound(): Promise<void> {
    const { logger } = this.#deps;
    try {
      await this.#renew();
      await this.#look();
      this.#storeFault = undefined;
    } catch (error) {
      if (error instanceof OperatingError && error.code === "LeaseLost") {
        this.#lease = undefined;
        this.#stepDown("the lease was lost");
        this.#isAnotherRoundWanted = true;
      } else {
        this.#storeFault = messageOf(error);
        logger.warn({ error: this.#storeFault }, "the metadata store could not be asked");
      }
    }
  }

  /** Takes a lease or renews it, and registers this manager's address. */
  async #renew(): Promise<void> {
    const { store, keys, clock } = this.#deps;
    const sentMs = clock.monotonicMs();
    if (this.#lease === undefined) {
      this.#lease = await store.grantLease(this.#options.leaseTtlMs);
      const value = encodeManager(this.#options.self);
      const key = keys.manager(this.#options.self.id);
      await store.commit({ compares: [], writes: [{ kind: "put", key, value, lease: this.#lease }] });
    } else {
      await this.#lease.keepAlive();
    }
    this.#validUntilMs = sentMs + this.#options.leaseTtlMs;
    this.#expiry?.cancel();
    if (!this.#isRunning) return;
    this.#expiry = clock.after(Math.max(0, this.#validUntilMs - clock.monotonicMs()), () =>
      this.#stepDown("the lease was not renewed in time"),
    );
  }

  /** Reads who leads and who is there, and campaigns where nobody leads. */
  async #look(): Promise<void> {
    const { store, keys } = this.#deps;
    const { entries, revision } = await store.list(keys.managers);
    this.#managers = entries.map(decodeManager).toSorted((a, b) => (a.url < b.url ? -1 : 1));
    const current = await store.get(keys.leader);
    this.#watchFrom(revision);
    if (current === undefined) {
      await this.#campaign();
    } else {
      this.#leader = decodeManager(current);
      // Ids are made anew at each start, so a key with this one is ours, also when the answer to its commit was lost.
      const isMine = this.#leader.id === this.#options.self.id;
      if (current.createdRevision !== this.#token) this.#stepDown("another manager was elected");
      if (isMine && this.#token === undefined) this.#lead(current.createdRevision);
    }
    this.#deps.onMembers();
  }

  async #campaign(): Promise<void> {
    const { store, keys } = this.#deps;
    const lease = this.#lease;
    if (lease === undefined || !this.#isRunning) return;
    this.#leader = undefined;
    this.#stepDown("the leader's key is gone");
    const result = await store.commit({
      compares: [{ key: keys.leader, createdRevision: 0 }],
      writes: [{ kind: "put", key: keys.leader, value: encodeManager(this.#options.self), lease }],
    });
    if (!result.isCommitted || !this.#isRunning) {
      this.#isAnotherRoundWanted = true;
      return;
    }
    this.#leader = this.#options.self;
    this.#lead(result.revision);
  }

  #lead(token: number): void {
    if (!this.#isRunning || this.#deps.clock.monotonicMs() >= this.#validUntilMs) return;
    this.#token = token;
    this.#deps.logger.info({ token }, "elected");
    this.#deps.onElected(token);
  }

  #watchFrom(revision: number): void {
    if (this.#watches.length > 0 || !this.#isRunning) return;
    const { store, keys } = this.#deps;
    const listener = { onChanges: () => this.#runSoon(), onLost: () => this.#watchAgain() };
    this.#watches = [keys.leader, keys.managers].map((prefix) =>
      store.watch({ prefix, afterRevision: revision }, listener),
    );
  }

  #watchAgain(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches = [];
    this.#runSoon();
  }

  #stepDown(reason: string): void {
    if (this.#token === undefined) return;
    this.#token = undefined;
    this.#deps.logger.info({ reason }, "leading no more");
    this.#deps.onDeposed();
  }
}
