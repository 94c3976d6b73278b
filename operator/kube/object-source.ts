/**
 * Where a reflector gets the objects of one resource, as a port: pages of a list, and the events after it.
 */

import type { KubeObject } from "./core/api-object.ts";

export interface ObjectPage {
  readonly items: readonly KubeObject[];
  /** Of the whole list: the same on each page. */
  readonly resourceVersion: string;
  /** For the next page; empty on the last one. */
  readonly continueToken: string;
}

export interface ObjectEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

/** Ends when the server ends the watch; throws an ApiError for an ERROR event, another error when the link breaks. */
export interface ObjectEvents extends AsyncIterable<ObjectEvent> {
  /** Idempotent. */
  close(): void;
}

export interface ListQuery {
  /** Objects on a page; undefined: all at once. */
  readonly limit: number | undefined;
  /** Empty for the first page. */
  readonly continueToken: string;
  readonly signal: AbortSignal;
}

export interface WatchQuery {
  /** The events after this version; empty together with `isInitialList`. */
  readonly resourceVersion: string;
  /** The stream begins with all objects, and a bookmark marks their end (watch-list, KEP-3157). */
  readonly isInitialList: boolean;
  /** The server ends the watch after this. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

export interface ObjectSource {
  list(query: ListQuery): Promise<ObjectPage>;
  watch(query: WatchQuery): Promise<ObjectEvents>;
}
