/**
 * The transport over node:https (and node:http behind a local proxy), HTTP/1.1 with connections kept open.
 * Invariants: each try has a deadline; a try that got no answer takes the idle connections with it, since they may be
 * as dead; TLS material and token are asked for with each try, so a rotated one is used by the next request.
 * It refuses replies above a limit, and follows no redirects.
 */

import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, type RequestOptions, request as requestHttps } from "node:https";
import { type Clock, delay } from "../../node/base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../../node/base/errors.ts";
import { readApiError } from "./api-error.ts";
import type { ApiMetrics } from "./api-metrics.ts";
import { type RequestOutcome, RetryBudget, retryDelayMs } from "./core/retry-policy.ts";
import type { ApiEndpoint, Credentials } from "./credentials.ts";
import type { ApiReply, ApiRequest, ApiStream, Transport } from "./transport.ts";

export interface HttpsTransportOptions {
  /** Exchanges at once; the rest wait within their deadline. Watches have connections of their own. */
  readonly maxConnections: number;
  readonly userAgent: string;
}

export interface HttpsTransportDeps {
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly metrics: ApiMetrics;
}

/** A list without pages of everything that an API server can hold of one kind. */
const MAX_REPLY_BYTES = 256 * 1024 * 1024;
/** An answer that is an error is read up to here. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Idle connections close after this: below the 5 minutes of common load balancers. */
const IDLE_MS = 60_000;
/** The system asks a silent peer after this whether it is there. */
const KEEP_ALIVE_MS = 15_000;

/** A try without an answer. */
class Unanswered extends Error {
  readonly wasSent: boolean;

  constructor(cause: unknown, wasSent: boolean) {
    super(messageOf(cause), { cause });
    this.wasSent = wasSent;
  }
}

interface Exchange {
  readonly incoming: IncomingMessage;
  /** Breaks the connection off. */
  destroy(error?: Error): void;
}

export class HttpsTransport implements Transport {
  readonly #options: HttpsTransportOptions;
  readonly #deps: HttpsTransportDeps;
  readonly #budget = new RetryBudget();
  readonly #agents = new Map<string, HttpAgent>();
  readonly #closed = new AbortController();

  constructor(options: HttpsTransportOptions, deps: HttpsTransportDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async send(request: ApiRequest): Promise<ApiReply> {
    this.#budget.deposit();
    for (let tries = 1; ; tries++) {
      const outcome = await this.#try(request);
      if (outcome.kind === "answered" && outcome.status >= 200 && outcome.status < 300) return outcome;
      const waitMs = retryDelayMs(outcome, { tries, isRepeatable: request.isRepeatable, random: this.#deps.random() });
      if (waitMs === undefined || request.signal?.aborted || !this.#budget.withdraw()) throw outcome.error;
      this.#deps.metrics.retried(request);
      await delay(this.#deps.clock, waitMs, this.#signalOf(request));
    }
  }

  async open(request: ApiRequest): Promise<ApiStream> {
    const outcome = await this.#observed(request, async (endpoint) => {
      const exchange = await this.#exchange(request, endpoint, "watch");
      const { incoming, destroy } = exchange;
      const status = incoming.statusCode ?? 0;
      if (status < 200 || status >= 300) return this.#refusal(request, exchange);
      return { kind: "opened" as const, status, retryAfterMs: undefined, incoming, destroy };
    });
    if (outcome.kind !== "opened") throw outcome.error;
    const { incoming, destroy } = outcome;
    return {
      [Symbol.asyncIterator]: () => incoming[Symbol.asyncIterator](),
      close: () => destroy(),
    };
  }

  close(): void {
    this.#closed.abort(new OperatingError("ApiUnreachable", "the transport was closed"));
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #try(request: ApiRequest) {
    return this.#observed(request, async (endpoint) => {
      const exchange = await this.#exchange(request, endpoint, "exchange");
      const status = exchange.incoming.statusCode ?? 0;
      if (status < 200 || status >= 300) return this.#refusal(request, exchange);
      const body = await readBody(exchange, MAX_REPLY_BYTES);
      return { kind: "answered" as const, status, retryAfterMs: undefined, body, error: undefined };
    });
  }

  /** Runs one try; counts it, and turns a missing answer into an outcome. */
  async #observed<T extends { readonly status: number }>(
    request: ApiRequest,
    run: (endpoint: ApiEndpoint) => Promise<T>,
  ): Promise<T | (RequestOutcome & { readonly kind: "unanswered"; readonly error: Error })> {
    const endpoint = await this.#deps.credentials.current();
    const startMs = this.#deps.clock.monotonicMs();
    const observe = (status: number) => {
      const host = endpoint.url.replace(/^https?:\/\//, "");
      this.#deps.metrics.observe(request, { host, status, tookMs: this.#deps.clock.monotonicMs() - startMs });
    };
    try {
      const outcome = await run(endpoint);
      observe(outcome.status);
      return outcome;
    } catch (error) {
      observe(0);
      const text = `${request.verb} ${request.resource} (${request.path.split("?")[0]}): ${messageOf(error)}`;
      const wasSent = error instanceof Unanswered && error.wasSent;
      const failure = new OperatingError("ApiUnreachable", text, { cause: error, data: { wasSent } });
      if (request.signal?.aborted || this.#closed.signal.aborted) throw failure;
      this.#dropIdleConnections();
      return { kind: "unanswered", wasSent, error: failure };
    }
  }

  async #refusal(request: ApiRequest, exchange: Exchange) {
    const status = exchange.incoming.statusCode ?? 0;
    if (status === 401) this.#deps.credentials.refuse();
    const retryAfter = exchange.incoming.headers["retry-after"];
    const body = await readBody(exchange, MAX_ERROR_BYTES);
    const what = `${request.verb} ${request.resource} (${request.path.split("?")[0]})`;
    const error = readApiError({ what, status, body, retryAfter });
    return { kind: "answered" as const, status, retryAfterMs: error.retryAfterMs, body, error };
  }

  /** Sends the request and waits for the headers; the deadline goes on to the end of an exchange's body. */
  #exchange(request: ApiRequest, endpoint: ApiEndpoint, use: "exchange" | "watch"): Promise<Exchange> {
    const { promise, resolve, reject } = Promise.withResolvers<Exchange>();
    const isHttps = endpoint.url.startsWith("https:");
    const options = this.#requestOptions(request, endpoint);
    options.agent = this.#agent(use, isHttps);
    let wasSent = false;
    const outgoing = (isHttps ? requestHttps : requestHttp)(endpoint.url + request.path, options);
    const timer = this.#deps.clock.after(request.timeoutMs, () =>
      outgoing.destroy(new Error(`no answer within ${request.timeoutMs} ms`)),
    );
    outgoing.on("socket", (socket) => {
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      const connected = isHttps ? "secureConnect" : "connect";
      if (socket.connecting) socket.once(connected, () => (wasSent = true));
      else wasSent = true;
    });
    outgoing.on("error", (error) => reject(new Unanswered(error, wasSent && codeOf(error) !== "ECONNREFUSED")));
    outgoing.on("close", () => timer.cancel());
    outgoing.on("response", (incoming) => {
      const status = incoming.statusCode ?? 0;
      if (use === "watch" && status >= 200 && status < 300) timer.cancel();
      resolve({ incoming, destroy: (error) => outgoing.destroy(error) });
    });
    outgoing.end(request.body);
    return promise;
  }

  #requestOptions(request: ApiRequest, endpoint: ApiEndpoint): RequestOptions {
    return {
      method: request.method,
      headers: {
        accept: "application/json",
        "user-agent": this.#options.userAgent,
        ...request.headers,
        ...endpoint.headers,
        ...(request.body === undefined ? {} : { "content-length": String(Buffer.byteLength(request.body)) }),
      },
      signal: this.#signalOf(request),
      rejectUnauthorized: endpoint.isVerified,
      ...(endpoint.ca === undefined ? {} : { ca: endpoint.ca }),
      ...(endpoint.certificate === undefined ? {} : { cert: endpoint.certificate }),
      ...(endpoint.key === undefined ? {} : { key: endpoint.key }),
      ...(endpoint.serverName === undefined ? {} : { servername: endpoint.serverName }),
    };
  }

  #signalOf(request: ApiRequest): AbortSignal {
    return request.signal ? AbortSignal.any([request.signal, this.#closed.signal]) : this.#closed.signal;
  }

  #agent(use: "exchange" | "watch", isHttps: boolean): HttpAgent {
    const name = `${use} ${isHttps}`;
    let agent = this.#agents.get(name);
    if (!agent) {
      const maxSockets = use === "watch" ? Number.POSITIVE_INFINITY : this.#options.maxConnections;
      const options = { keepAlive: true, maxSockets, maxFreeSockets: this.#options.maxConnections, timeout: IDLE_MS };
      agent = isHttps ? new HttpsAgent(options) : new HttpAgent(options);
      this.#agents.set(name, agent);
    }
    return agent;
  }

  #dropIdleConnections(): void {
    for (const agent of this.#agents.values()) {
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }
}

/** @throws Unanswered when the connection breaks or the reply is above the limit. */
async function readBody(exchange: Exchange, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of exchange.incoming as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw new Error(`the reply is above ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    exchange.destroy();
    throw new Unanswered(error, true);
  }
  return Buffer.concat(chunks).toString("utf8");
}
