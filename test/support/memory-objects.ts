/**
 * The objects of one resource on a pretend API server, as reflectors and writers meet it: versions, history,
 * compaction, pages, bookmarks, streamed lists; and faults. Time stands still: a watch gives what it is told to.
 */

import { ApiError } from "../../operator/kube/api-error.ts";
import { type KubeObject, keyOf } from "../../operator/kube/core/api-object.ts";
import type {
  ListQuery,
  ObjectEvent,
  ObjectEvents,
  ObjectPage,
  ObjectSource,
  WatchQuery,
} from "../../operator/kube/object-source.ts";

interface Recorded extends ObjectEvent {
  readonly version: number;
}

class MemoryWatch implements ObjectEvents {
  readonly query: WatchQuery;
  isClosed = false;
  readonly #queue: (ObjectEvent | Error | "end")[] = [];
  #wake: (() => void) | undefined;

  constructor(query: WatchQuery) {
    this.query = query;
  }

  give(next: ObjectEvent | Error | "end"): void {
    this.#queue.push(structuredCloneUnlessError(next));
    this.#wake?.();
  }

  close(): void {
    this.isClosed = true;
    this.give("end");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ObjectEvent> {
    for (;;) {
      const next = this.#queue.shift();
      if (next === "end") return;
      if (next instanceof Error) throw next;
      if (next) yield next;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function structuredCloneUnlessError<T>(value: T): T {
  return value instanceof Error ? value : structuredClone(value);
}

export class MemoryObjects implements ObjectSource {
  version = 100;
  readonly objects = new Map<string, KubeObject>();
  /** Every call so far, in short: `list`, `page`, `stream`, `watch 101`. */
  readonly calls: string[] = [];
  watches: MemoryWatch[] = [];
  canStream = true;
  /** Watches hear nothing by themselves any more. */
  isMute = false;
  /** Thrown by the next calls, one each. */
  readonly failures: Error[] = [];
  #history: Recorded[] = [];
  #compactedVersion = 0;
  #nextUid = 1;
  #snapshot: readonly KubeObject[] = [];

  put(name: string, labels: Record<string, string> = {}): KubeObject {
    const key = `ns/${name}`;
    const before = this.objects.get(key);
    const object: KubeObject = {
      metadata: {
        namespace: "ns",
        name,
        uid: before?.metadata.uid ?? `uid-${this.#nextUid++}`,
        resourceVersion: String(++this.version),
        labels,
      },
    };
    this.objects.set(key, object);
    this.#record({ type: before ? "MODIFIED" : "ADDED", object, version: this.version });
    return object;
  }

  remove(name: string): void {
    const key = `ns/${name}`;
    const before = this.objects.get(key);
    if (!before) return;
    this.objects.delete(key);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.version) } };
    this.#record({ type: "DELETED", object, version: this.version });
  }

  /** Versions up to now can be watched from no more. */
  compact(): void {
    this.#compactedVersion = this.version;
    this.#history = [];
  }

  bookmark(annotations?: Record<string, string>): ObjectEvent {
    const metadata = { resourceVersion: String(this.version), ...(annotations ? { annotations } : {}) };
    return { type: "BOOKMARK", object: { metadata } };
  }

  get openWatch(): MemoryWatch | undefined {
    return this.watches.findLast(({ isClosed }) => !isClosed);
  }

  async list({ limit, continueToken }: ListQuery): Promise<ObjectPage> {
    this.calls.push(continueToken === "" ? "list" : "page");
    this.#failIfWanted();
    const [version = String(this.version), from = "0"] = continueToken === "" ? [] : continueToken.split(":");
    // All pages are of the moment of the first one.
    if (continueToken === "")
      this.#snapshot = [...this.objects.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const all = this.#snapshot;
    const end = Number(from) + (limit ?? all.length);
    return {
      items: structuredClone(all.slice(Number(from), end)),
      resourceVersion: version,
      continueToken: end < all.length ? `${version}:${end}` : "",
    };
  }

  async watch(query: WatchQuery): Promise<ObjectEvents> {
    this.calls.push(query.isInitialList ? "stream" : `watch ${query.resourceVersion}`);
    this.#failIfWanted();
    if (query.isInitialList && !this.canStream) throw new ApiError("not known", { status: 422, reason: "Invalid" });
    const from = Number(query.resourceVersion);
    if (!query.isInitialList && from < this.#compactedVersion) {
      throw new ApiError("too old", { status: 410, reason: "Expired" });
    }
    const watch = new MemoryWatch(query);
    this.watches.push(watch);
    if (this.isMute) return watch;
    if (query.isInitialList) {
      for (const object of this.objects.values()) watch.give({ type: "ADDED", object });
      watch.give(this.bookmark({ "k8s.io/initial-events-end": "true" }));
    } else {
      for (const event of this.#history) if (event.version > from) watch.give(event);
    }
    return watch;
  }

  #failIfWanted(): void {
    const failure = this.failures.shift();
    if (failure) throw failure;
  }

  #record(event: Recorded): void {
    this.#history.push(event);
    if (this.isMute) return;
    for (const watch of this.watches) if (!watch.isClosed) watch.give(event);
  }
}
