/**
 * Asks the API server of a kubeconfig that carries its credentials: one request, JSON in and out. For the harness and
 * its tests; what the product uses is its own runtime, not this.
 */

import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";

interface Kubeconfig {
  readonly clusters: [{ readonly cluster: { readonly server: string; readonly "certificate-authority-data": string } }];
  readonly users: [
    { readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string } },
  ];
}

/** An object as the harness reads it: what is not there is undefined. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
  };
}

const REQUEST_TIMEOUT_MS = 10_000;

export class KubeApi {
  readonly #server: string;
  readonly #agent: Agent;

  readonly #timeoutMs: number;

  constructor(kubeconfig: string, options: { readonly timeoutMs?: number } = {}) {
    this.#timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    const { clusters, users } = parse(readFileSync(kubeconfig, "utf8")) as Kubeconfig;
    const decode = (text: string): Buffer => Buffer.from(text, "base64");
    this.#server = clusters[0].cluster.server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: decode(clusters[0].cluster["certificate-authority-data"]),
      cert: decode(users[0].user["client-certificate-data"]),
      key: decode(users[0].user["client-key-data"]),
    });
  }

  get<T>(path: string): Promise<T> {
    return this.#ask("GET", path) as Promise<T>;
  }

  async list<T>(path: string): Promise<readonly T[]> {
    return (await this.get<{ readonly items: readonly T[] }>(path)).items;
  }

  post(path: string, body: unknown): Promise<unknown> {
    return this.#ask("POST", path, { body, type: "application/json" });
  }

  /** A merge patch. */
  patch(path: string, body: unknown): Promise<unknown> {
    return this.#ask("PATCH", path, { body, type: "application/merge-patch+json" });
  }

  /** Server-side apply, forced. */
  apply(path: string, body: unknown): Promise<unknown> {
    const query = "?fieldManager=test-cluster&force=true";
    return this.#ask("PATCH", `${path}${query}`, { body, type: "application/apply-patch+yaml" });
  }

  async delete(path: string): Promise<void> {
    await this.#ask("DELETE", path);
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(method: string, path: string, sent: { readonly body?: unknown; readonly type?: string } = {}): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = sent.type === undefined ? {} : { "content-type": sent.type };
    const asked = request(`${this.#server}${path}`, { method, headers, agent: this.#agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(parts).toString();
        const { statusCode = 0 } = response;
        if (statusCode >= 300) reject(new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`));
        else resolve(text.startsWith("{") ? JSON.parse(text) : text);
      });
    });
    asked.setTimeout(this.#timeoutMs, () => asked.destroy(new Error(`${method} ${path}: no answer`)));
    asked.once("error", reject);
    asked.end(sent.body === undefined ? undefined : JSON.stringify(sent.body));
    return promise;
  }
}
