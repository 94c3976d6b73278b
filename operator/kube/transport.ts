/**
 * The way to the API server as a port: one exchange, or one stream of a watch. Implementations keep connections open,
 * keep deadlines, retry what may be retried and count. They know nothing of kinds of objects.
 */

export type ApiVerb = "get" | "list" | "watch" | "create" | "update" | "patch" | "apply" | "delete";

export interface ApiRequest {
  readonly verb: ApiVerb;
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Plural of the resource, for metrics and messages: `statefulsets`. */
  readonly resource: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Carrying it out twice is the same as once: reads, and writes that say what shall be. */
  readonly isRepeatable: boolean;
  /** For each try; of a stream until its headers. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface ApiReply {
  readonly status: number;
  readonly body: string;
}

/** The body of a watch as it arrives. Ends when the server ends it, throws when the connection breaks. */
export interface ApiStream extends AsyncIterable<Uint8Array> {
  /** Ends it from our side; idempotent. */
  close(): void;
}

export interface Transport {
  /** @throws ApiError for an answer other than 2xx, OperatingError `ApiUnreachable` where there is none. */
  send(request: ApiRequest): Promise<ApiReply>;
  /** The same, for a reply that is read while it comes. Tried once: whoever watches has its own pace. */
  open(request: ApiRequest): Promise<ApiStream>;
  /** Ends all exchanges and connections. */
  close(): void;
}
