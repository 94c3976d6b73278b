/**
 * A small HTTP/1.1 client over Node's own, with connections kept open, a deadline for the whole exchange and a limit
 * on the reply's size. It follows no redirects and retries nothing: the caller knows what may be sent twice.
 */

import { Agent, request } from "node:http";
import type { Clock } from "./clock.ts";
import { messageOf, OperatingError } from "./errors.ts";

export interface HttpRequest {
  readonly method: string;
  /** `http://host:port/path?query`. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A topology of 4,096 tables fits many times over. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;
/** Idle connections to one host that are kept. */
const MAX_IDLE_CONNECTIONS = 8;

export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS });
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws OperatingError `HttpFailed` when there is no complete reply in time; any status is a reply. */
  send(options: HttpRequest): Promise<HttpReply> {
    const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
    const fail = (error: unknown) => {
      const text = `${options.method} ${options.url}: ${messageOf(error)}`;
      reject(new OperatingError("HttpFailed", text, { cause: error }));
    };
    const outgoing = request(options.url, {
      method: options.method,
      agent: this.#agent,
      headers: {
        ...options.headers,
        ...(options.body === undefined ? {} : { "content-length": String(Buffer.byteLength(options.body)) }),
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const timer = this.#clock.after(options.timeoutMs, () =>
      outgoing.destroy(new Error(`no reply within ${options.timeoutMs} ms`)),
    );
    outgoing.on("error", fail);
    outgoing.on("close", () => timer.cancel());
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      let sizeBytes = 0;
      incoming.on("data", (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > MAX_REPLY_BYTES) outgoing.destroy(new Error(`the reply is above ${MAX_REPLY_BYTES} bytes`));
        else chunks.push(chunk);
      });
      incoming.on("error", fail);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.end(options.body);
    return promise;
  }

  /** Closes idle connections; exchanges under way go on. */
  close(): void {
    this.#agent.destroy();
  }
}
