/**
 * Turns decisions into transactions. It holds the state as the store has it; `mutate` runs a pure function on it and
 * commits what changed.
 * Invariants: mutations run one after the other; every transaction compares the fencing token and the epoch's
 * revision, so a manager that was deposed writes nothing; each change of what nodes see is a new epoch; what does not
 * fit in one transaction goes out in several, each leaving a valid state.
 * After an error whose outcome is unknown the state is read again before anything else is decided.
 */

import { OperatingError } from "../../node/base/errors.ts";
import type { ClusterId } from "../../node/meta/ids.ts";
import { type ClusterState, emptyState } from "./core/cluster-state.ts";
import type { MetadataKeys } from "./store/keys.ts";
import type { MetadataCompare, MetadataStore } from "./store/metadata-store.ts";
import { decodeState, encodeCluster, encodeCounters, encodeEpoch, encodeSettings } from "./store/records.ts";
import { type Draft, diffStates } from "./store/state-diff.ts";

export interface ExecutorOptions {
  readonly store: MetadataStore;
  readonly keys: MetadataKeys;
  /** The revision at which the leader's key was created. */
  readonly token: number;
  /** Called with each state that was committed or read. */
  readonly onState: (state: ClusterState) => void;
}

export class Executor {
  readonly #options: ExecutorOptions;
  #state: ClusterState | undefined;
  #epochRevision = 0;
  #isStale = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** The state as it was last committed or read; undefined before `load`. */
  get state(): ClusterState | undefined {
    return this.#state;
  }

  /**
   * Reads everything, or makes the cluster where there is none.
   * @param make the id and time of a cluster that must be made.
   */
  load(make: { readonly clusterId: ClusterId; readonly nowMs: number }): Promise<ClusterState> {
    return this.#enqueue(async () => {
      const { store, keys } = this.#options;
      if ((await store.get(keys.cluster)) === undefined) {
        const state = emptyState(make.clusterId);
        const isMade = await store.commit({
          compares: [this.#tokenCompare(), { key: keys.cluster, createdRevision: 0 }],
          writes: [
            { kind: "put", key: keys.cluster, value: encodeCluster(make.clusterId, make.nowMs) },
            { kind: "put", key: keys.epoch, value: encodeEpoch(state.epoch) },
            { kind: "put", key: keys.counters, value: encodeCounters(state.counters) },
            { kind: "put", key: keys.settings, value: encodeSettings(state.settings) },
          ],
        });
        if (!isMade.isCommitted) throw deposed();
      }
      return await this.#read();
    });
  }

  /**
   * Changes the state by a pure function and commits the difference; the function may be given a newer state than the
   * caller saw. Resolves with the committed state.
   * @throws OperatingError `NotLeader` when another manager has taken over, `StoreUnavailable` when it is not known
   *   whether the change happened.
   */
  mutate(change: (state: ClusterState) => ClusterState): Promise<ClusterState> {
    return this.#enqueue(async () => {
      const current = this.#state === undefined || this.#isStale ? await this.#read() : this.#state;
      const next = change(current);
      if (next === current) return current;
      for (const draft of diffStates(current, next, this.#options.keys)) await this.#commit(draft);
      return this.#state ?? next;
    });
  }

  async #read(): Promise<ClusterState> {
    const { store, keys } = this.#options;
    const { entries } = await store.list(keys.all);
    const leader = entries.find(({ key }) => key === keys.leader);
    if (leader?.createdRevision !== this.#options.token) throw deposed();
    const state = decodeState(keys, entries);
    this.#epochRevision = entries.find(({ key }) => key === keys.epoch)?.modifiedRevision ?? 0;
    this.#isStale = false;
    this.#publish(state);
    return state;
  }

  async #commit(draft: Draft): Promise<void> {
    const { store, keys } = this.#options;
    const compares = [this.#tokenCompare(), { key: keys.epoch, modifiedRevision: this.#epochRevision }];
    this.#isStale = true;
    const result = await store.commit({ compares, writes: draft.writes });
    if (!result.isCommitted) {
      await this.#read();
      throw new OperatingError("StoreUnavailable", "the metadata changed meanwhile; try again");
    }
    if (draft.writes.some(({ key }) => key === keys.epoch)) this.#epochRevision = result.revision;
    this.#isStale = false;
    this.#publish(draft.state);
  }

  #publish(state: ClusterState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #tokenCompare(): MetadataCompare {
    return { key: this.#options.keys.leader, createdRevision: this.#options.token };
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

function deposed(): OperatingError {
  return new OperatingError("NotLeader", "another manager leads now");
}
