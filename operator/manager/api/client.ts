/**
 * A proven call to one manager, and the typed client that the CLI and the operator use.
 * The call adds the proof, checks the reply's, and repeats once where only its challenge was old. The client tries the
 * managers in turn; a request that was sent and not answered is repeated only where the API makes that safe (all
 * calls of it are idempotent: desired state is put whole).
 */

import { z } from "zod";
import type { Clock } from "../../../node/base/clock.ts";
import { OperatingError } from "../../../node/base/errors.ts";
import { HttpClient, type HttpReply } from "../../../node/base/http-client.ts";
import { hmacSha256, isSameSecret, randomHex, sha256 } from "../../../node/base/mac.ts";
import { decodeJson } from "../../../node/meta/decode.ts";
import {
  type ClusterReply,
  clusterReplySchema,
  type DeleteTableRequest,
  errorReplySchema,
  type NodeReply,
  nodeReplySchema,
  type PutClusterRequest,
  type PutTableRequest,
  type RestartSafetyReply,
  restartSafetyReplySchema,
  type StatusReply,
  statusReplySchema,
  type TableReply,
  tableReplySchema,
} from "../../../node/meta/manager-api.ts";
import { CallerProof } from "../../../node/meta/request-proof.ts";

export interface ProvenCall {
  readonly baseUrl: string;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly cluster?: string | undefined;
  readonly timeoutMs: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Calls managers and proves it, to one manager at a time. */
export class ProvenCaller {
  readonly #http: HttpClient;
  readonly #proof: CallerProof;

  constructor(options: { readonly secret: string; readonly caller: string }, clock: Clock) {
    this.#http = new HttpClient(clock);
    const functions = { mac: hmacSha256, isSame: isSameSecret };
    this.#proof = new CallerProof(options, { functions, makeNonce: () => randomHex(16) });
  }

  /**
   * The reply, of any status, from a manager that proved the secret.
   * @throws OperatingError `HttpFailed` without a reply, `ManagerUnproven` when the reply's proof is not right.
   */
  async call(call: ProvenCall): Promise<HttpReply> {
    const first = await this.#once(call);
    if (first.verdict === "proven") return first.reply;
    const second = first.verdict === "stale" ? await this.#once(call) : first;
    if (second.verdict !== "unproven") return second.reply;
    const said = decodeJson(errorReplySchema, second.reply.body.toString("utf8"));
    const detail = said.ok ? `; it says ${said.value.error.code}: ${said.value.error.message}` : "";
    throw new OperatingError(
      "ManagerUnproven",
      `${call.baseUrl} did not prove the cluster's secret (HTTP ${second.reply.status})${detail}`,
      { data: { url: call.baseUrl, status: second.reply.status } },
    );
  }

  close(): void {
    this.#http.close();
  }

  async #once(call: ProvenCall): Promise<{ reply: HttpReply; verdict: "proven" | "stale" | "unproven" }> {
    const content = { method: call.method, path: call.path, bodyHash: sha256(call.body ?? "") };
    const asked = this.#proof.prove(call.baseUrl, call.cluster, content);
    const reply = await this.#http.send({
      method: call.method,
      url: call.baseUrl + call.path,
      headers: {
        ...call.headers,
        ...asked.headers,
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      timeoutMs: call.timeoutMs,
    });
    const received = { asked, status: reply.status, headers: reply.headers, bodyHash: sha256(reply.body) };
    return { reply, verdict: this.#proof.check(call.baseUrl, received) };
  }
}

export interface ManagerClientOptions {
  /** Base URLs; the first that answers is used until it fails. */
  readonly managers: readonly string[];
  readonly secret: string;
  /** Who calls, for the manager's log: "cli", "operator". */
  readonly caller: string;
  readonly timeoutMs?: number;
}

/** A manager that hangs must not keep a person waiting: another one is asked after this. The longest answer takes about a second. */
const DEFAULT_TIMEOUT_MS = 4_000;
const changedSchema = z.object({ clusterId: z.string(), epoch: z.number() });

/** The API for administration. Every method throws OperatingError with the manager's code, message and path. */
export class ManagerClient {
  readonly #options: ManagerClientOptions;
  readonly #caller: ProvenCaller;
  #preferred = 0;

  constructor(options: ManagerClientOptions, clock: Clock) {
    this.#options = { ...options, managers: options.managers.map((url) => url.replace(/\/+$/, "")) };
    this.#caller = new ProvenCaller(options, clock);
  }

  status(): Promise<StatusReply> {
    return this.#ask({ method: "GET", path: "/v1/status" }, statusReplySchema);
  }

  cluster(): Promise<ClusterReply> {
    return this.#ask({ method: "GET", path: "/v1/cluster" }, clusterReplySchema);
  }

  putCluster(request: PutClusterRequest): Promise<{ clusterId: string; epoch: number }> {
    return this.#ask({ method: "PUT", path: "/v1/cluster", body: request }, changedSchema);
  }

  async nodes(): Promise<readonly NodeReply[]> {
    return (await this.#ask({ method: "GET", path: "/v1/nodes" }, z.object({ nodes: z.array(nodeReplySchema) }))).nodes;
  }

  /** @param node id or name. */
  restartSafety(node: string): Promise<RestartSafetyReply> {
    return this.#ask(
      { method: "GET", path: `/v1/nodes/${encodeURIComponent(node)}/restart-safety` },
      restartSafetyReplySchema,
    );
  }

  async tables(): Promise<readonly TableReply[]> {
    return (await this.#ask({ method: "GET", path: "/v1/tables" }, z.object({ tables: z.array(tableReplySchema) })))
      .tables;
  }

  table(name: string): Promise<TableReply> {
    return this.#ask({ method: "GET", path: `/v1/tables/${encodeURIComponent(name)}` }, tableReplySchema);
  }

  putTable(name: string, request: PutTableRequest): Promise<{ clusterId: string; epoch: number }> {
    return this.#ask({ method: "PUT", path: `/v1/tables/${encodeURIComponent(name)}`, body: request }, changedSchema);
  }

  deleteTable(name: string, request: DeleteTableRequest): Promise<{ clusterId: string; epoch: number }> {
    return this.#ask(
      { method: "DELETE", path: `/v1/tables/${encodeURIComponent(name)}`, body: request },
      changedSchema,
    );
  }

  close(): void {
    this.#caller.close();
  }

  async #ask<T>(
    { method, path, body }: { readonly method: string; readonly path: string; readonly body?: object },
    schema: z.ZodType<T>,
  ): Promise<T> {
    const { managers } = this.#options;
    let failure: unknown;
    let refusal: HttpReply | undefined;
    for (let i = 0; i < managers.length; i++) {
      const index = (this.#preferred + i) % managers.length;
      try {
        const reply = await this.#caller.call({
          baseUrl: managers[index] ?? "",
          method,
          path,
          body: body && JSON.stringify(body),
          timeoutMs: this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        });
        if (reply.status === 503) {
          refusal = reply;
          continue;
        }
        this.#preferred = index;
        return readReply(reply, schema);
      } catch (error) {
        if (!(error instanceof OperatingError && error.code === "HttpFailed")) throw error;
        failure = error;
      }
    }
    // What one of them says is in the way is worth more than that others did not answer.
    if (refusal !== undefined) return readReply(refusal, schema);
    throw new OperatingError("ManagerUnavailable", `no manager answered (${managers.join(", ")})`, { cause: failure });
  }
}

/** @throws OperatingError of the code that the manager answered, or `BadReply`. */
function readReply<T>(reply: HttpReply, schema: z.ZodType<T>): T {
  const text = reply.body.toString("utf8");
  if (reply.status === 200) {
    const decoded = decodeJson(schema, text);
    if (decoded.ok) return decoded.value;
    throw new OperatingError("BadReply", `the manager's reply is not understood, ${decoded.path}: ${decoded.message}`);
  }
  const said = decodeJson(errorReplySchema, text);
  if (!said.ok) throw new OperatingError("BadReply", `the manager answered HTTP ${reply.status}`);
  const { code, message, path } = said.value.error;
  throw new OperatingError(code, message, { data: { path: path ?? null, status: reply.status } });
}
