/**
 * What one connection watches (WATCH … EXEC), within one slot. Where this node leads it, by the version numbers of
 * the keys; else by a watch at the leader, which is lost with the link or the leadership: EXEC then answers nil.
 */

import type { Forwarder } from "../router/forwarding.ts";
import type { SlotExecutor } from "../shard/executor.ts";

interface WatchedKey {
  readonly key: Buffer;
  readonly version: number;
}

/** Versions of keys of one slot that is led here. */
export class LocalWatch {
  readonly executor: SlotExecutor;
  readonly #keys: WatchedKey[] = [];

  constructor(executor: SlotExecutor) {
    this.executor = executor;
  }

  add(key: Buffer): void {
    this.#keys.push({ key, version: this.executor.watchVersion(key) });
  }

  /** Whether the replica still serves and no key was changed since it was added. */
  isIntact(): boolean {
    if (!this.executor.isServing) return false;
    return this.#keys.every(({ key, version }) => this.executor.watchVersion(key) === version);
  }
}

export class WatchSet {
  /** The slot that all watched keys are in; -1 for none. */
  slot = -1;
  local: LocalWatch | undefined;
  /** The watch at the slot's leader. */
  remoteId: number | undefined;
  /** Keys of the remote watch. */
  remoteKeys: readonly Buffer[] = [];
  /** A watch was lost or could not be made: EXEC answers nil. */
  isBroken = false;

  get isEmpty(): boolean {
    return this.slot < 0;
  }

  /** Forgets all. */
  clear(forwarder: Forwarder): void {
    if (this.remoteId !== undefined) forwarder.unwatch(this.remoteId);
    this.slot = -1;
    this.local = undefined;
    this.remoteId = undefined;
    this.remoteKeys = [];
    this.isBroken = false;
  }
}
