/**
 * The objects of one resource in memory, with indexes. A reflector fills it; our own writes are put in at once, so that
 * what was written is read.
 * Invariants: an object is never replaced by an older version of itself, and a deleted one (by UID) never comes back,
 * however late, twice or out of order the events come. Deleted UIDs are remembered up to a limit.
 * Objects are shared with all readers: nobody changes them.
 */

import { isOlderVersion, type KubeObject, keyOf, objectKey, trimObject } from "./core/api-object.ts";

export interface StoreChange<T> {
  readonly kind: "added" | "updated" | "deleted";
  readonly key: string;
  /** The new one; of a deleted object the last one known, which may be older than its end. */
  readonly object: T;
  readonly before: T | undefined;
}

/** The values under which an object is found. */
export type IndexFunction<T> = (object: T) => readonly string[];

export interface ObjectStoreOptions<T> {
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
}

/** Late events come within seconds; this many deletions within them are an extreme. */
export const MAX_TOMBSTONES = 10_000;

interface Tombstone {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/** A list under way: what is put is seen at once, what is missing is removed when it is finished. */
export interface Listing<T> {
  put(object: T): void;
  /** @param resourceVersion of the list: what we wrote after it stays. */
  finish(resourceVersion: string): void;
}

export class ObjectStore<T extends KubeObject = KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes: readonly {
    readonly name: string;
    readonly values: IndexFunction<T>;
    readonly keys: Map<string, Set<string>>;
  }[];
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #listeners = new Set<(change: StoreChange<T>) => void>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(options: ObjectStoreOptions<T> = {}) {
    const indexes = Object.entries(options.indexes ?? {});
    this.#indexes = indexes.map(([name, values]) => ({ name, values, keys: new Map() }));
  }

  /** Whether a whole list was taken in: before, what is missing here may still exist. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves when `hasSynced` becomes true. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get count(): number {
    return this.#objects.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(objectKey(namespace, name));
  }

  byKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  all(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** The objects that the index has under the value, in the order of their names. */
  byIndex(index: string, value: string): readonly T[] {
    const keys = this.#indexes.find(({ name }) => name === index)?.keys.get(value);
    if (!keys) return [];
    return [...keys].sort().flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Calls `listener` at each change, from inside of it; the result ends that. */
  onChange(listener: (change: StoreChange<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes an object in; false where it is not newer than what is known. Drops what `trimObject` drops. */
  put(object: T): boolean {
    const key = keyOf(object);
    const { uid, resourceVersion } = object.metadata;
    const tombstone = this.#tombstones.get(key);
    if (tombstone) {
      if (uid !== undefined && uid === tombstone.uid) return false;
      if (isOlderVersion(resourceVersion, tombstone.resourceVersion)) return false;
    }
    const before = this.#objects.get(key);
    if (before) {
      const known = before.metadata.resourceVersion;
      if (uid === before.metadata.uid && resourceVersion !== undefined && resourceVersion === known) return false;
      if (isOlderVersion(resourceVersion, known)) return false;
    }
    this.#set(key, object, before);
    return true;
  }

  /** Takes a deletion in; `object` is its last state. False where it is of an earlier object of that name. */
  remove(object: T): boolean {
    const key = keyOf(object);
    const { uid, resourceVersion } = object.metadata;
    const before = this.#objects.get(key);
    const isOther = before !== undefined && before.metadata.uid !== uid;
    if (isOther && isOlderVersion(resourceVersion, before.metadata.resourceVersion)) return false;
    this.#bury(key, { uid, resourceVersion });
    if (!before) return false;
    this.#delete(key, before, object);
    return true;
  }

  /**
   * Begins to take in a list.
   * @param options.isRollback the server went back in time (restored from a backup): its versions count, not ours.
   */
  beginList(options: { readonly isRollback: boolean }): Listing<T> {
    const seen = new Set<string>();
    if (options.isRollback) this.#tombstones.clear();
    return {
      put: (object) => {
        const key = keyOf(object);
        seen.add(key);
        const before = this.#objects.get(key);
        const isSame = before?.metadata.resourceVersion === object.metadata.resourceVersion;
        if (options.isRollback && !isSame) this.#set(key, object, before);
        else this.put(object);
      },
      finish: (resourceVersion) => {
        for (const [key, object] of this.#objects) {
          const isNewer = isOlderVersion(resourceVersion, object.metadata.resourceVersion);
          if (seen.has(key) || (isNewer && !options.isRollback)) continue;
          this.#bury(key, { uid: object.metadata.uid, resourceVersion });
          this.#delete(key, object, object);
        }
        this.#hasSynced = true;
        this.#synced.resolve();
      },
    };
  }

  #set(key: string, object: T, before: T | undefined): void {
    trimObject(object);
    this.#tombstones.delete(key);
    for (const index of this.#indexes) {
      if (before) forget(index.keys, index.values(before), key);
      for (const value of index.values(object)) {
        const keys = index.keys.get(value);
        if (keys) keys.add(key);
        else index.keys.set(value, new Set([key]));
      }
    }
    this.#objects.set(key, object);
    this.#notify({ kind: before ? "updated" : "added", key, object, before });
  }

  #delete(key: string, before: T, last: T): void {
    for (const index of this.#indexes) forget(index.keys, index.values(before), key);
    this.#objects.delete(key);
    this.#notify({ kind: "deleted", key, object: trimObject(last), before });
  }

  #bury(key: string, tombstone: Tombstone): void {
    // The end of an earlier object of that name, heard late.
    if (isOlderVersion(tombstone.resourceVersion, this.#tombstones.get(key)?.resourceVersion)) return;
    this.#tombstones.delete(key);
    this.#tombstones.set(key, tombstone);
    if (this.#tombstones.size <= MAX_TOMBSTONES) return;
    const oldest = this.#tombstones.keys().next();
    if (!oldest.done) this.#tombstones.delete(oldest.value);
  }

  #notify(change: StoreChange<T>): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function forget(keys: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const found = keys.get(value);
    found?.delete(key);
    if (found?.size === 0) keys.delete(value);
  }
}
