/**
 * A proxy on loopback between the runtime and an API server that does what networks and servers do at their worst:
 * it answers by itself, breaks links, says nothing, and drops, repeats, delays and reorders the events of watches.
 * It speaks plain HTTP to the runtime and keeps the credentials of the real one to itself.
 */

import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { LineSplitter } from "../../operator/kube/core/line-splitter.ts";
import type { ApiEndpoint, Credentials } from "../../operator/kube/credentials.ts";

export type RequestKind = "list" | "watch" | "other";

export interface SeenRequest {
  readonly kind: RequestKind;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
}

/** What is done instead of passing the request on; `lose` passes it on and breaks the link before the answer. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | "reset"
  | "hang"
  | "lose";

export class FaultProxy {
  readonly seen: SeenRequest[] = [];
  /** Asked for each request; undefined: it is passed on. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  /** Streamed lists are passed on; else they are refused, so that every list is one of pages and can be counted. */
  canStreamLists = false;
  /** Gets each line of a watch, and what sends a line to the watcher. */
  relay: (line: string, send: (line: string) => void) => void = (line, send) => send(line);
  readonly #upstream: Credentials;
  readonly #server: Server;
  readonly #watchers = new Set<ServerResponse>();
  readonly #frozen = new WeakSet<ServerResponse>();
  #url = "";

  constructor(upstream: Credentials) {
    this.#upstream = upstream;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** How the runtime reaches it. @param headers asked for with each request. */
  credentials(headers: () => Readonly<Record<string, string>> = () => ({}), refuse = (): void => {}): Credentials {
    const none = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined, isVerified: true };
    return { current: async () => ({ url: this.#url, headers: headers(), ...none }), refuse };
  }

  count(kind: RequestKind): number {
    return this.seen.filter((request) => request.kind === kind).length;
  }

  get openWatchCount(): number {
    return this.#watchers.size;
  }

  /** Breaks every open watch, as a reset does. */
  breakWatches(): void {
    for (const response of this.#watchers) response.destroy();
  }

  /** From now on nothing comes from the watches that are open, and nobody is told: half-open links. */
  freezeWatches(): void {
    for (const response of this.#watchers) this.#frozen.add(response);
  }

  /** Ends every open watch, as a server does whose time is up. */
  endWatches(): void {
    for (const response of this.#watchers) response.end();
  }

  /** Sends a line of our own to every watcher. */
  say(line: object): void {
    for (const response of this.#watchers) response.write(`${JSON.stringify(line)}\n`);
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", "http://proxy");
    const isCollection = incoming.method === "GET" && !/\/[a-z]+\/[^/]+\/[a-z]+\/[^/]+$/.test(url.pathname);
    const kind = url.searchParams.get("watch") === "true" ? "watch" : isCollection ? "list" : "other";
    const seen: SeenRequest = {
      kind,
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      token: incoming.headers.authorization,
    };
    this.seen.push(seen);
    response.on("error", () => {});
    const isStreamed = seen.query.has("sendInitialEvents");
    const fault = isStreamed && !this.canStreamLists ? { status: 422 } : this.fault(seen);
    if (fault === "reset") incoming.socket.destroy();
    else if (typeof fault === "object") response.writeHead(fault.status, fault.headers).end(fault.body ?? "{}");
    else if (fault !== "hang")
      this.#forward({ incoming, response, kind, isLost: fault === "lose" }, await this.#upstream.current());
  }

  #forward(
    call: { incoming: IncomingMessage; response: ServerResponse; kind: RequestKind; isLost: boolean },
    endpoint: ApiEndpoint,
  ): void {
    const { incoming, response, kind, isLost } = call;
    const { ca, certificate, key } = endpoint;
    const { authorization: _own, host: _host, ...headers } = incoming.headers;
    const send = endpoint.url.startsWith("https:") ? requestHttps : requestHttp;
    const outgoing = send(`${endpoint.url}${incoming.url}`, {
      method: incoming.method,
      headers: { ...headers, ...endpoint.headers },
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
      agent: false,
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    outgoing.on("response", (answer) => {
      answer.on("error", () => response.destroy());
      if (isLost) {
        answer.resume().on("end", () => incoming.socket.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (kind === "watch" && answer.statusCode === 200) this.#relayWatch(answer, response);
      else answer.pipe(response);
    });
    incoming.pipe(outgoing);
  }

  #relayWatch(answer: IncomingMessage, response: ServerResponse): void {
    const splitter = new LineSplitter();
    this.#watchers.add(response);
    response.on("close", () => this.#watchers.delete(response));
    response.flushHeaders();
    const send = (line: string): void => {
      if (!response.writableEnded && !this.#frozen.has(response)) response.write(`${line}\n`);
    };
    answer.on("data", (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.relay(line, send);
    });
    answer.on("end", () => response.end());
  }
}
