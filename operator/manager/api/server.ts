/**
 * The manager's HTTP server: reads requests, checks proofs, finds routes, passes on what only the leader can answer,
 * and proves replies. What answers is in routes.ts.
 * Limits: bodies (body-reader.ts), 16 KiB of headers (Node's limit), requests of 60 s, 2,048 connections.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../../node/base/clock.ts";
import { codeOf, messageOf, OperatingError } from "../../../node/base/errors.ts";
import type { Service } from "../../../node/base/lifecycle.ts";
import type { Logger } from "../../../node/base/log.ts";
import { hmacSha256, isSameSecret, randomHex, sha256 } from "../../../node/base/mac.ts";
import type { Metrics } from "../../../node/base/metrics.ts";
import {
  type CallIdentity,
  ChallengeBook,
  checkRequest,
  PROOF_HEADERS,
  proveReply,
  type RequestFault,
  UNKNOWN,
} from "../../../node/meta/request-proof.ts";
import type { LeaderSession } from "../leader-session.ts";
import { type ApiReply, answer, fault } from "./api-reply.ts";
import { BodyReader, MAX_BODY_BYTES } from "./body-reader.ts";
import { makeOpenApi } from "./openapi.ts";
import { matchRoute } from "./routes.ts";

export interface ApiServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Secrets that callers may prove; two during a rotation. */
  readonly secrets: readonly string[];
  readonly programVersion: string;
}

/** A call as it is passed on to the leader. */
export interface PassedCall {
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly cluster: string;
  readonly signal: AbortSignal;
}

export interface ApiServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The session while this manager leads. */
  readonly session: () => LeaderSession | undefined;
  /** Asks the leader; undefined where none is known. */
  readonly passOn: (call: PassedCall) => Promise<{ status: number; body: Buffer } | undefined>;
  /** Why this manager is not ready; undefined when it is. */
  readonly unreadyReason: () => string | undefined;
  /** Why the metadata store could not be asked; undefined while it answers. */
  readonly storeFault: () => string | undefined;
}

/** A call that a manager passes on carries it, so that none goes round in a circle. */
export const PASSED_ON_HEADER = "pika-passed-on";

const REQUEST_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 2048;
const PROOF_FUNCTIONS = { mac: hmacSha256, isSame: isSameSecret };

const FAULT_TEXTS: Readonly<Record<RequestFault, string>> = {
  ProofMissing: "the request has no complete proof of the cluster's secret (headers pika-*)",
  ProtocolVersion: "the request speaks another version of the protocol",
  ProofWrong: "the request's proof is not of this cluster's secret",
  ChallengeStale: "the request's challenge is not current; use the one in this reply",
};

export class ApiServer implements Service {
  readonly #options: ApiServerOptions;
  readonly #deps: ApiServerDeps;
  readonly #server: Server;
  readonly #book: ChallengeBook;
  readonly #bodies = new BodyReader();
  readonly #requests;
  readonly #stopping = new AbortController();

  constructor(options: ApiServerOptions, deps: ApiServerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#book = new ChallengeBook({ makeChallenge: () => randomHex(16), nowMs: () => deps.clock.monotonicMs() });
    this.#requests = deps.metrics.counter({
      name: "pika_manager_api_requests_total",
      help: "Calls of the manager's API.",
      labels: ["method", "route", "status"],
    });
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch((error) => {
        deps.logger.error({ error, path: incoming.url }, "a call of the API failed");
        outgoing.destroy();
      });
    });
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** The port that it listens on; 0 before `start`. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  /** @throws OperatingError `ListenFailed` when the address cannot be had. */
  start(): Promise<void> {
    const { host, port } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", (error) => {
      const text = `the manager's API cannot listen on ${host}:${port}: ${codeOf(error) ?? messageOf(error)}`;
      reject(new OperatingError("ListenFailed", text, { cause: error }));
    });
    this.#server.listen(port, host, resolve);
    return promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (!this.#server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = (incoming.url ?? "").split("?", 1)[0] ?? "";
    const isQuestion = incoming.method === "GET" || incoming.method === "HEAD";
    if (isQuestion && (await this.#serveOpen(path, outgoing))) return;
    if (incoming.headers[PROOF_HEADERS.proof] === undefined) {
      // Nothing of a stranger's body is kept.
      send(outgoing, fault("ProofMissing", FAULT_TEXTS.ProofMissing));
      return;
    }
    const body = await this.#bodies.read(incoming);
    switch (body.kind) {
      case "gone":
        outgoing.destroy();
        return;
      case "tooLarge":
        send(outgoing, fault("BodyTooLarge", `a body has at most ${MAX_BODY_BYTES} bytes`), { connection: "close" });
        return;
      case "busy":
        send(outgoing, fault("Busy", "too much is being sent to this manager at the moment; try again"));
        return;
      case "read":
        await this.#serveProven(incoming, outgoing, { path, body: body.bytes }).finally(body.release);
    }
  }

  async #serveProven(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { path, body }: { readonly path: string; readonly body: Buffer },
  ): Promise<void> {
    const content = { method: incoming.method ?? "", path: incoming.url ?? "", bodyHash: sha256(body) };
    const checked = checkRequest(this.#options.secrets, PROOF_FUNCTIONS, {
      headers: incoming.headers,
      content,
      book: this.#book,
    });
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    const reply = checked.ok
      ? await this.#answer({ incoming, path, body, identity: checked.identity, signal })
      : fault(checked.fault, FAULT_TEXTS[checked.fault]);
    const text = JSON.stringify(reply.body);
    const nonce = checked.ok ? checked.identity.nonce : checked.nonce;
    const proof =
      checked.secret === undefined
        ? {}
        : proveReply(checked.secret, PROOF_FUNCTIONS, {
            nonce,
            status: reply.status,
            challenge: this.#book.current,
            bodyHash: sha256(text),
          });
    const route = matchRoute(content.method, path);
    this.#requests.inc({
      method: route.kind === "found" ? content.method : "other",
      route: route.kind === "found" ? route.route.path : "none",
      status: String(reply.status),
    });
    sendText(outgoing, { status: reply.status, text, headers: { "content-type": "application/json", ...proof } });
  }

  /** What needs no proof; false where the path is none of it. */
  async #serveOpen(path: string, outgoing: ServerResponse): Promise<boolean> {
    const plain = { "content-type": "text/plain; charset=utf-8" };
    switch (path) {
      case "/healthz":
        sendText(outgoing, { status: 200, text: "ok\n", headers: plain });
        return true;
      case "/readyz": {
        const reason = this.#deps.unreadyReason();
        sendText(outgoing, { status: reason === undefined ? 200 : 503, text: `${reason ?? "ok"}\n`, headers: plain });
        return true;
      }
      case "/metrics": {
        const { metrics, logger } = this.#deps;
        try {
          const text = await metrics.text();
          sendText(outgoing, { status: 200, text, headers: { "content-type": metrics.contentType } });
        } catch (error) {
          logger.error({ error }, "the metrics cannot be read");
          send(outgoing, fault("Internal", "the metrics cannot be read; the manager's log says why"));
        }
        return true;
      }
      case "/openapi.json":
        send(outgoing, answer(makeOpenApi(this.#options.programVersion)));
        return true;
      default:
        return false;
    }
  }

  async #answer(request: {
    readonly incoming: IncomingMessage;
    readonly path: string;
    readonly body: Buffer;
    readonly identity: CallIdentity;
    readonly signal: AbortSignal;
  }): Promise<ApiReply> {
    const { incoming, path, body, identity, signal } = request;
    const match = matchRoute(incoming.method ?? "", path);
    if (match.kind === "none") return fault("NotFound", `there is no ${path}`);
    if (match.kind === "wrongMethod") {
      return fault("MethodNotAllowed", `${path} takes ${match.allowed.join(", ")}`);
    }
    const session = this.#deps.session();
    const state = session?.state;
    if (session === undefined || state === undefined) return await this.#passOn(request);
    if (identity.cluster !== UNKNOWN && identity.cluster !== state.clusterId) {
      return fault("WrongCluster", `this is cluster ${state.clusterId}, the caller belongs to ${identity.cluster}`);
    }
    const json = parseBody(body, match.route.body !== undefined);
    if (!json.ok) return fault("BadRequest", json.message, "");
    const query = Object.fromEntries(new URLSearchParams((incoming.url ?? "").slice(path.length)));
    const { clock } = this.#deps;
    const question = { session, state, nowMs: clock.monotonicMs(), wallMs: clock.wallMs() };
    try {
      return await match.route.run({ ...question, params: match.params, signal }, { query, body: json.value });
    } catch (error) {
      return this.#faultOf(error, path);
    }
  }

  async #passOn(request: {
    readonly incoming: IncomingMessage;
    readonly body: Buffer;
    readonly identity: CallIdentity;
    readonly signal: AbortSignal;
  }): Promise<ApiReply> {
    const noLeader = this.#noLeader("no manager leads at the moment");
    if (request.incoming.headers[PASSED_ON_HEADER] !== undefined) return noLeader;
    try {
      const reply = await this.#deps.passOn({
        method: request.incoming.method ?? "",
        path: request.incoming.url ?? "",
        body: request.body.toString("utf8"),
        cluster: request.identity.cluster,
        signal: request.signal,
      });
      if (reply === undefined) return noLeader;
      return { status: reply.status, body: JSON.parse(reply.body.toString("utf8")) as object };
    } catch (error) {
      return this.#noLeader(`the leader could not be asked: ${messageOf(error)}`);
    }
  }

  /** Without its store no manager can lead: then the store is what somebody must look at. */
  #noLeader(text: string): ApiReply {
    const reason = this.#deps.storeFault();
    return reason === undefined
      ? fault("NoLeader", `${text}; try again`)
      : fault("StoreUnavailable", `${text}: ${reason}`);
  }

  #faultOf(error: unknown, path: string): ApiReply {
    if (error instanceof OperatingError && error.code === "StoreUnavailable") {
      return fault("StoreUnavailable", error.message);
    }
    if (error instanceof OperatingError && error.code === "NotLeader") return fault("NoLeader", error.message);
    this.#deps.logger.error({ error, path }, "a call of the API failed");
    return fault("Internal", "the manager failed to answer; its log says why");
  }
}

/** Bytes that are no UTF-8 are refused, not replaced. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });

type ParsedBody = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

function parseBody(body: Buffer, isWanted: boolean): ParsedBody {
  if (!isWanted) return { ok: true, value: undefined };
  try {
    return { ok: true, value: JSON.parse(UTF8.decode(body)) };
  } catch (error) {
    return { ok: false, message: `the body is not JSON: ${messageOf(error)}` };
  }
}

function send(outgoing: ServerResponse, reply: ApiReply, headers: Readonly<Record<string, string>> = {}): void {
  const text = JSON.stringify(reply.body);
  sendText(outgoing, { status: reply.status, text, headers: { "content-type": "application/json", ...headers } });
}

function sendText(
  outgoing: ServerResponse,
  reply: { readonly status: number; readonly text: string; readonly headers: Readonly<Record<string, string>> },
): void {
  outgoing.writeHead(reply.status, { ...reply.headers, "content-length": String(Buffer.byteLength(reply.text)) });
  outgoing.end(reply.text);
}
