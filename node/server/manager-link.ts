/**
 * A node's calls to the managers: proven both ways, to the leader where it is known, else to each in turn.
 * Invariants: one call goes to one manager; a failure moves on to the next one for the next call. The list of managers
 * starts from the configuration and grows by what managers say; it is never empty.
 */

import type { Clock } from "../base/clock.ts";
import { OperatingError } from "../base/errors.ts";
import { HttpClient } from "../base/http-client.ts";
import { hmacSha256, isSameSecret, randomHex, sha256 } from "../base/mac.ts";
import { decodeJson } from "../meta/decode.ts";
import { errorReplySchema } from "../meta/manager-api.ts";
import { CallerProof } from "../meta/request-proof.ts";

export interface ManagerLinkOptions {
  /** Base URLs of the managers that are known at the start. */
  readonly managers: readonly string[];
  readonly secret: string;
}

/** What a manager answered to a proven call: status, body as text, and code and message of an error. */
export interface ManagerAnswer {
  readonly status: number;
  readonly text: string;
  readonly code: string;
  readonly message: string;
}

export interface ManagerCall {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  /** The cluster that the node belongs to; undefined before it joined one. */
  readonly cluster: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

type Verdict = ReturnType<CallerProof["check"]>;

export class ManagerLink {
  readonly #http: HttpClient;
  readonly #proof: CallerProof;
  readonly #configured: readonly string[];
  #managers: readonly string[];
  #next = 0;
  #leaderUrl: string | undefined;

  /** @param caller the node's id. */
  constructor(options: ManagerLinkOptions, caller: string, clock: Clock) {
    this.#http = new HttpClient(clock);
    const functions = { mac: hmacSha256, isSame: isSameSecret };
    this.#proof = new CallerProof({ secret: options.secret, caller }, { functions, makeNonce: () => randomHex(16) });
    this.#configured = options.managers.map((url) => url.replace(/\/+$/, ""));
    this.#managers = this.#configured;
  }

  /** Base URLs of all managers that are known. */
  get managers(): readonly string[] {
    return this.#managers;
  }

  /** Takes the list and the leader that a manager named. The configured ones stay known. */
  learn(managers: readonly string[], leaderUrl: string | undefined): void {
    this.#managers = [...new Set([...managers, ...this.#configured])];
    this.#leaderUrl = leaderUrl;
  }

  /**
   * Calls one manager.
   * @throws OperatingError `HttpFailed` without an answer, `ManagerUnproven` where it does not prove the secret.
   */
  async call(call: ManagerCall): Promise<ManagerAnswer> {
    const baseUrl = this.#leaderUrl ?? this.#managers[this.#next % this.#managers.length] ?? "";
    try {
      let answer = await this.#once(baseUrl, call);
      if (answer.verdict === "stale") answer = await this.#once(baseUrl, call);
      if (answer.verdict === "unproven") {
        const said = answer.code === "" ? "" : `, ${answer.code}: ${answer.message}`;
        const text = `${baseUrl} did not prove the cluster's secret (HTTP ${answer.status}${said})`;
        throw new OperatingError("ManagerUnproven", text, { data: { url: baseUrl, status: answer.status } });
      }
      if (answer.status === 503) this.#moveOn();
      return answer;
    } catch (error) {
      if (!call.signal.aborted) this.#moveOn();
      throw error;
    }
  }

  close(): void {
    this.#http.close();
  }

  #moveOn(): void {
    this.#leaderUrl = undefined;
    this.#next++;
  }

  async #once(baseUrl: string, call: ManagerCall): Promise<ManagerAnswer & { readonly verdict: Verdict }> {
    const body = call.body === undefined ? "" : JSON.stringify(call.body);
    const content = { method: call.method, path: call.path, bodyHash: sha256(body) };
    const asked = this.#proof.prove(baseUrl, call.cluster, content);
    const reply = await this.#http.send({
      method: call.method,
      url: baseUrl + call.path,
      headers: { ...asked.headers, "content-type": "application/json" },
      ...(body === "" ? {} : { body }),
      timeoutMs: call.timeoutMs,
      signal: call.signal,
    });
    const received = { asked, status: reply.status, headers: reply.headers, bodyHash: sha256(reply.body) };
    const verdict = this.#proof.check(baseUrl, received);
    const text = reply.body.toString("utf8");
    const said = reply.status === 200 ? undefined : decodeJson(errorReplySchema, text);
    const { code, message } = said?.ok ? said.value.error : { code: "", message: "" };
    return { status: reply.status, text, code, message, verdict };
  }
}
