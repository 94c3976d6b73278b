/**
 * What one connection watches (WATCH … EXEC), within one slot. Where this node leads it, by the version numbers of
 * the keys; else by a watch at the leader, which is lost with the link or the leadership: EXEC then answers nil.
 */

import type { Forwarder } from "../router/forwarding.ts";
import type { SlotExecutor } from "../shard/executor.ts";

/** What the keys of one connection's watches may take: a client that watches more is refused. */
const MAX_WATCHED_BYTES = 1024 * 1024;
/** Counted for each key beside its bytes. */
const KEY_BYTES = 64;

/** Versions of keys of one slot that is led here. */
export class LocalWatch {
  readonly executor: SlotExecutor;
  /** The version of each key, by its bytes as latin1. */
  readonly #versions = new Map<string, number>();

  constructor(executor: SlotExecutor) {
    this.executor = executor;
  }

  /** A key that is watched already keeps its first version. */
  add(key: Buffer): void {
    const name = key.toString("latin1");
    if (!this.#versions.has(name)) this.#versions.set(name, this.executor.watchVersion(key));
  }

  /** Whether the replica still serves and no key was changed since it was added. */
  isIntact(): boolean {
    if (!this.executor.isServing) return false;
    for (const [name, version] of this.#versions) {
      if (this.executor.watchVersion(Buffer.from(name, "latin1")) !== version) return false;
    }
    return true;
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
  #sizeBytes = 0;

  get isEmpty(): boolean {
    return this.slot < 0;
  }

  /** Counts keys that are to be watched; false where they are too many. */
  takeRoom(keys: readonly Buffer[]): boolean {
    for (const key of keys) this.#sizeBytes += key.length + KEY_BYTES;
    return this.#sizeBytes <= MAX_WATCHED_BYTES;
  }

  /** Forgets all. */
  clear(forwarder: Forwarder): void {
    if (this.remoteId !== undefined) forwarder.unwatch(this.remoteId);
    this.slot = -1;
    this.local = undefined;
    this.remoteId = undefined;
    this.remoteKeys = [];
    this.isBroken = false;
    this.#sizeBytes = 0;
  }
}
