/**
 * The node's HTTP port: /healthz (the process answers), /readyz (clients are served), /metrics (Prometheus).
 * No administration here: that is the manager's API.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { codeOf, messageOf, OperatingError } from "../base/errors.ts";
import type { Service } from "../base/lifecycle.ts";
import type { Metrics } from "../base/metrics.ts";

export interface AdminHttpDeps {
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
}

export class AdminHttp implements Service {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #deps: AdminHttpDeps;
  readonly #server: Server;

  constructor(address: { readonly host: string; readonly port: number }, deps: AdminHttpDeps) {
    this.#address = address;
    this.#deps = deps;
    this.#server = createServer((request, response) => void this.#answer(request, response));
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
    const { metrics, isReady } = this.#deps;
    const path = (request.url ?? "/").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "only GET\n");
    switch (path) {
      case "/healthz":
        return send(response, 200, "ok\n");
      case "/readyz":
        return isReady() ? send(response, 200, "ready\n") : send(response, 503, "not ready\n");
      case "/metrics":
        return send(response, 200, await metrics.text(), metrics.contentType);
      default:
        return send(response, 404, "known are /healthz, /readyz and /metrics\n");
    }
  }
}

function send(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type });
  response.end(text);
}
