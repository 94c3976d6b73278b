/**
 * The HTTP port of a process for the kubelet and Prometheus: /healthz (alive), /readyz (ready, or what is waited for)
 * and /metrics. No administration here: that is the manager's API.
 * Limits: bodies are not read; connections, the time of a request, and headers (Node's 16 KiB) are bounded.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { codeOf, messageOf, OperatingError } from "./errors.ts";
import type { Service } from "./lifecycle.ts";
import type { Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** Probes and a few scrapers; whoever holds more is a stranger. */
const MAX_CONNECTIONS = 256;
/** A request without a body is there at once. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface AdminHttpDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** What keeps the process from being alive, and from being ready: one line each. */
  readonly hanging: () => readonly string[];
  readonly unready: () => readonly string[];
}

export class AdminHttp implements Service {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #deps: AdminHttpDeps;
  readonly #server: Server;

  constructor(address: { readonly host: string; readonly port: number }, deps: AdminHttpDeps) {
    this.#address = address;
    this.#deps = deps;
    const limits = { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#address.port;
  }

  /** @throws OperatingError `ListenFailed` when the port cannot be taken. */
  start(): Promise<void> {
    const { host, port } = this.#address;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", (cause) => {
      const why =
        codeOf(cause) === "EADDRINUSE" ? "another process uses it: stop it or choose another port" : messageOf(cause);
      reject(new OperatingError("ListenFailed", `cannot listen for HTTP on ${host}:${port}: ${why}`, { cause }));
    });
    this.#server.listen({ host, port }, resolve);
    return promise;
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "only GET and HEAD\n");
    switch (path) {
      case "/healthz":
        return sendProblems(response, this.#deps.hanging());
      case "/readyz":
        return sendProblems(response, this.#deps.unready());
      case "/metrics":
        return sendMetrics(response, this.#deps);
      default:
        return send(response, 404, "known are /healthz, /readyz and /metrics\n");
    }
  }
}

function sendProblems(response: ServerResponse, problems: readonly string[]): void {
  if (problems.length === 0) send(response, 200, "ok\n");
  else send(response, 503, `${problems.join("\n")}\n`);
}

/** One metric that cannot be read must not end the process. */
async function sendMetrics(response: ServerResponse, { metrics, log }: AdminHttpDeps): Promise<void> {
  let text: string;
  try {
    text = await metrics.text();
  } catch (error) {
    log.error({ error }, "the metrics cannot be read");
    return send(response, 500, `the metrics cannot be read: ${messageOf(error)}\n`);
  }
  response.setHeader("content-type", metrics.contentType);
  response.end(text);
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}
