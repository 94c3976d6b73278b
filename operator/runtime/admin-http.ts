/**
 * The operator's HTTP port: /healthz, /readyz and /metrics, for the kubelet and Prometheus. GET and HEAD only.
 */

import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../../node/base/errors.ts";
import type { Service } from "../../node/base/lifecycle.ts";
import type { Metrics } from "../../node/base/metrics.ts";

export interface AdminHttpDeps {
  readonly metrics: Metrics;
  /** What keeps it from being alive, and from being ready: one line each. */
  readonly hanging: () => readonly string[];
  readonly unready: () => readonly string[];
}

/** Probes and scrapers are few; a client that sends nothing is not waited for. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 64;

export class AdminHttp implements Service {
  readonly #options: { readonly host: string; readonly port: number };
  readonly #deps: AdminHttpDeps;
  readonly #server: Server;

  constructor(options: { readonly host: string; readonly port: number }, deps: AdminHttpDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
      if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, ["GET or HEAD"]);
      this.#answer(request.url?.split("?")[0] ?? "", response).catch((error) =>
        send(response, 500, [messageOf(error)]),
      );
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** The port that it listens on, once started. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#options.port;
  }

  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.port, this.#options.host, () => {
      this.#server.off("error", reject);
      resolve();
    });
    return promise;
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #answer(path: string, response: ServerResponse): Promise<void> {
    if (path === "/metrics") {
      const text = await this.#deps.metrics.text();
      response.writeHead(200, { "content-type": this.#deps.metrics.contentType }).end(text);
      return;
    }
    if (path !== "/healthz" && path !== "/readyz") return send(response, 404, ["/healthz, /readyz or /metrics"]);
    const problems = path === "/healthz" ? this.#deps.hanging() : this.#deps.unready();
    send(response, problems.length === 0 ? 200 : 503, problems.length === 0 ? ["ok"] : problems);
  }
}

function send(response: ServerResponse, status: number, lines: readonly string[]): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${lines.join("\n")}\n`);
}
