/**
 * The calls of the API that the operator makes, over a transport: JSON in and out. It decides nothing and keeps nothing.
 * All calls throw what the transport throws.
 */

import { readApiError, statusOf } from "./api-error.ts";
import { type KubeObject, pathOf, type Resource, type ResourceScope } from "./core/api-object.ts";
import { LineSplitter } from "./core/line-splitter.ts";
import type { ObjectEvent, ObjectEvents, ObjectPage } from "./object-source.ts";
import type { ApiRequest, ApiVerb, Transport } from "./transport.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** For each try, ms; 15 s when absent. */
  readonly timeoutMs?: number;
}

export interface ApplyOptions extends CallOptions {
  readonly fieldManager: string;
  /** Takes fields that others set. */
  readonly isForced: boolean;
  readonly subresource?: "status";
  /** The server checks and answers and stores nothing. */
  readonly isDryRun?: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Only this object, not another of the same name. */
  readonly uid: string;
  /** Only if nobody changed it meanwhile. */
  readonly resourceVersion?: string;
  readonly propagation?: "Background" | "Foreground" | "Orphan";
}

export interface CollectionQuery extends CallOptions {
  readonly namespace?: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Metadata only: objects come without spec, status and data. */
  readonly isMetadataOnly?: boolean;
}

/** One exchange; the API server's own limit for most is 60 s, and a worker should not hang that long. */
const TIMEOUT_MS = 15_000;
/** Pages of large lists take their time on a busy server. */
const LIST_TIMEOUT_MS = 60_000;
const JSON_TYPE = "application/json";

interface Call extends CallOptions {
  readonly verb: ApiVerb;
  readonly method: ApiRequest["method"];
  readonly scope: ResourceScope;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly isRepeatable: boolean;
}

export class KubeClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubeObject>(resource: Resource, scope: ResourceScope, options: CallOptions = {}) {
    try {
      return await this.#call<T>(resource, { ...options, verb: "get", method: "GET", scope, isRepeatable: true });
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async create<T extends KubeObject>(resource: Resource, object: KubeObject, options: CallOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    const scope = namespace === undefined ? {} : { namespace };
    return this.#call<T>(resource, {
      ...options,
      verb: "create",
      method: "POST",
      scope,
      body: object,
      isRepeatable: false,
    });
  }

  /** Replaces the object; refused with 409 where its resourceVersion is not the stored one. */
  async update<T extends KubeObject>(resource: Resource, object: KubeObject, options: CallOptions = {}): Promise<T> {
    const scope = scopeOf(object);
    return this.#call<T>(resource, {
      ...options,
      verb: "update",
      method: "PUT",
      scope,
      body: object,
      isRepeatable: false,
    });
  }

  /** Merges `body` into the object (RFC 7386). */
  async merge<T extends KubeObject>(
    resource: Resource,
    call: CallOptions & { readonly scope: ResourceScope; readonly body: unknown },
  ): Promise<T> {
    return this.#call<T>(resource, {
      ...call,
      verb: "patch",
      method: "PATCH",
      contentType: "application/merge-patch+json",
      isRepeatable: true,
    });
  }

  /** Server-side apply: makes the object, or makes these fields so. */
  async apply<T extends KubeObject>(resource: Resource, object: KubeObject, options: ApplyOptions): Promise<T> {
    const { fieldManager, isForced, subresource, isDryRun, ...call } = options;
    return this.#call<T>(resource, {
      ...call,
      verb: "apply",
      method: "PATCH",
      scope: { ...scopeOf(object), ...(subresource === undefined ? {} : { subresource }) },
      parameters: { fieldManager, force: String(isForced), ...(isDryRun ? { dryRun: "All" } : {}) },
      body: object,
      contentType: "application/apply-patch+yaml",
      isRepeatable: true,
    });
  }

  /** False where there was no such object, of this UID, any more. */
  async delete(resource: Resource, scope: ResourceScope, options: DeleteOptions): Promise<boolean> {
    const { uid, resourceVersion, propagation = "Background", ...call } = options;
    const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    const body = { kind: "DeleteOptions", apiVersion: "v1", preconditions, propagationPolicy: propagation };
    try {
      await this.#call(resource, { ...call, verb: "delete", method: "DELETE", scope, body, isRepeatable: true });
      return true;
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
  }

  /**
   * Evicts a pod, if budgets allow it (429 where they do not). False where it is not there, of this UID, any more.
   * Source: Kubernetes, "API-initiated eviction".
   */
  async evict(pods: Resource, pod: KubeObject, options: CallOptions = {}): Promise<boolean> {
    const { namespace = "", name = "", uid } = pod.metadata;
    const deleteOptions = { preconditions: { uid } };
    const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { namespace, name }, deleteOptions };
    const scope = { namespace, name, subresource: "eviction" } as const;
    try {
      await this.#call(pods, { ...options, verb: "create", method: "POST", scope, body, isRepeatable: true });
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === 404 || status === 409) return false;
      throw error;
    }
  }

  /** One page of a list. The items have no `kind`: the list says it once. */
  async listPage(resource: Resource, query: CollectionQuery): Promise<ObjectPage> {
    const list = await this.#call<ListBody>(resource, {
      ...callOf(query, "PartialObjectMetadataList"),
      timeoutMs: query.timeoutMs ?? LIST_TIMEOUT_MS,
      verb: "list",
      method: "GET",
      isRepeatable: true,
    });
    const { resourceVersion = "", continue: continueToken = "" } = list.metadata ?? {};
    return { items: list.items ?? [], resourceVersion, continueToken };
  }

  /** The events of a collection, from the parameters on. */
  async watch(resource: Resource, query: CollectionQuery): Promise<ObjectEvents> {
    const call = {
      ...callOf(query, "PartialObjectMetadata"),
      verb: "watch",
      method: "GET",
      isRepeatable: true,
    } as const;
    const stream = await this.#transport.open(requestOf(resource, call));
    return {
      [Symbol.asyncIterator]: () => readEvents(stream, `watch ${resource.plural}`),
      close: () => stream.close(),
    };
  }

  async #call<T>(resource: Resource, call: Call): Promise<T> {
    const reply = await this.#transport.send(requestOf(resource, call));
    return JSON.parse(reply.body) as T;
  }
}

interface ListBody {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubeObject[] | null;
}

function scopeOf({ metadata: { namespace, name = "" } }: KubeObject): ResourceScope {
  return namespace === undefined ? { name } : { namespace, name };
}

function callOf({ namespace, parameters, isMetadataOnly, signal, timeoutMs }: CollectionQuery, kind: string) {
  return {
    scope: namespace === undefined ? {} : { namespace },
    parameters,
    ...(isMetadataOnly ? { accept: `${JSON_TYPE};as=${kind};g=meta.k8s.io;v=v1` } : {}),
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function requestOf(resource: Resource, call: Call): ApiRequest {
  const query = new URLSearchParams(call.parameters).toString();
  return {
    verb: call.verb,
    method: call.method,
    resource: resource.plural,
    path: pathOf(resource, call.scope) + (query === "" ? "" : `?${query}`),
    headers: {
      accept: call.accept ?? JSON_TYPE,
      ...(call.body === undefined ? {} : { "content-type": call.contentType ?? JSON_TYPE }),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    isRepeatable: call.isRepeatable,
    timeoutMs: call.timeoutMs ?? TIMEOUT_MS,
    ...(call.signal === undefined ? {} : { signal: call.signal }),
  };
}

async function* readEvents(stream: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<ObjectEvent> {
  const splitter = new LineSplitter();
  for await (const chunk of stream) {
    for (const line of splitter.push(chunk)) {
      const event = JSON.parse(line) as { readonly type: string; readonly object: KubeObject };
      if (event.type === "ERROR") throw readApiError({ what, status: 0, body: JSON.stringify(event.object) });
      yield event as ObjectEvent;
    }
  }
}
