/**
 * The objects of one resource from the API server, those of a namespace or with a label only where that is enough.
 */

import type { Resource } from "./core/api-object.ts";
import type { CollectionQuery, KubeClient } from "./kube-client.ts";
import type { ListQuery, ObjectEvents, ObjectPage, ObjectSource, WatchQuery } from "./object-source.ts";

export interface Selection {
  readonly resource: Resource;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  /** Objects come with their metadata alone: for what is large or secret and read by name when it changes. */
  readonly isMetadataOnly?: boolean;
}

export class ApiObjectSource implements ObjectSource {
  readonly #selection: Selection;
  readonly #client: KubeClient;

  constructor(selection: Selection, client: KubeClient) {
    this.#selection = selection;
    this.#client = client;
  }

  list({ limit, continueToken, signal }: ListQuery): Promise<ObjectPage> {
    return this.#client.listPage(
      this.#selection.resource,
      this.#query(signal, {
        ...(limit === undefined ? {} : { limit: String(limit) }),
        ...(continueToken === "" ? {} : { continue: continueToken }),
      }),
    );
  }

  watch({ resourceVersion, isInitialList, timeoutSeconds, signal }: WatchQuery): Promise<ObjectEvents> {
    return this.#client.watch(
      this.#selection.resource,
      this.#query(signal, {
        watch: "true",
        allowWatchBookmarks: "true",
        timeoutSeconds: String(timeoutSeconds),
        ...(resourceVersion === "" ? {} : { resourceVersion }),
        ...(isInitialList ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" } : {}),
      }),
    );
  }

  #query(signal: AbortSignal, parameters: Readonly<Record<string, string>>): CollectionQuery {
    const { namespace, labelSelector, isMetadataOnly } = this.#selection;
    return {
      signal,
      parameters: { ...parameters, ...(labelSelector === undefined ? {} : { labelSelector }) },
      ...(namespace === undefined ? {} : { namespace }),
      ...(isMetadataOnly === undefined ? {} : { isMetadataOnly }),
    };
  }
}
