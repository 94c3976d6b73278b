/**
 * A pretend API server behind the Transport port, for what writers rely on: versions, UIDs, preconditions, conflicts,
 * server-side apply (of maps; lists are replaced), status apart from the rest. Watches are memory-objects.ts's.
 */

import { ApiError } from "../../operator/kube/api-error.ts";
import type { KubeObject } from "../../operator/kube/core/api-object.ts";
import type { ApiReply, ApiRequest, ApiStream, Transport } from "../../operator/kube/transport.ts";

type Fields = Record<string, unknown>;
export type StoredObject = KubeObject & Record<string, unknown>;

export class MemoryApi implements Transport {
  readonly objects = new Map<string, StoredObject>();
  /** Every request so far: `apply /api/v1/…`. */
  readonly requests: string[] = [];
  readonly bodies: Fields[] = [];
  /** Called before each request; may throw, or change what is there. */
  before: (request: ApiRequest) => void = () => {};
  /** Awaited before each answer. */
  gate: Promise<void> = Promise.resolve();
  #version = 100;
  #uid = 1;

  async send(request: ApiRequest): Promise<ApiReply> {
    const [path = ""] = request.path.split("?");
    this.requests.push(`${request.verb} ${path}`);
    const body = request.body === undefined ? {} : (JSON.parse(request.body) as Fields);
    this.bodies.push(body);
    this.before(request);
    const answer = structuredClone(this.#answer(request, path, body));
    await this.gate;
    return { status: 200, body: JSON.stringify(answer) };
  }

  async open(): Promise<ApiStream> {
    throw new Error("watches are not pretended here");
  }

  close(): void {}

  /** Stores an object as somebody else would; gives what is stored. */
  put(path: string, object: object): StoredObject {
    const before = this.objects.get(path);
    const given = object as StoredObject;
    const metadata = {
      ...given.metadata,
      uid: before?.metadata.uid ?? given.metadata.uid ?? `uid-${this.#uid++}`,
      resourceVersion: String(++this.#version),
    };
    const stored = { ...structuredClone(given), metadata } as StoredObject;
    this.objects.set(path, stored);
    return structuredClone(stored);
  }

  #answer({ verb }: ApiRequest, path: string, body: Fields): object {
    if (verb === "create") return this.#create(path, body);
    const isStatus = path.endsWith("/status");
    const target = isStatus ? path.slice(0, -"/status".length) : path;
    const stored = this.objects.get(target);
    if (verb === "apply") return this.#apply({ target, stored, body, isStatus });
    if (!stored) throw refusal(404, "NotFound");
    if (verb === "get") return stored;
    if (verb === "delete") {
      checkPreconditions(stored, body.preconditions as Fields | undefined);
      this.objects.delete(target);
      return stored;
    }
    if (verb === "update") checkPreconditions(stored, body.metadata as Fields);
    return this.put(target, verb === "update" ? body : merge(stored, body));
  }

  #create(path: string, body: Fields): object {
    const name = (body as unknown as KubeObject).metadata.name ?? "";
    if (this.objects.has(`${path}/${name}`)) throw refusal(409, "AlreadyExists");
    return this.put(`${path}/${name}`, body);
  }

  #apply(call: { target: string; stored: StoredObject | undefined; body: Fields; isStatus: boolean }): object {
    const { target, stored, body, isStatus } = call;
    const { uid } = (body as unknown as KubeObject).metadata;
    if (uid !== undefined && stored === undefined) throw refusal(409, "Conflict");
    if (uid !== undefined && stored?.metadata.uid !== uid) throw refusal(422, "Invalid", ["metadata.uid"]);
    if (isStatus) {
      if (!stored) throw refusal(404, "NotFound");
      return this.put(target, { ...stored, status: body.status });
    }
    return this.put(target, stored ? merge(stored, body) : body);
  }
}

function refusal(status: number, reason: string, fields: readonly string[] = []): ApiError {
  return new ApiError(`${status} ${reason}`, { status, reason, fields });
}

function checkPreconditions(stored: StoredObject, wanted: Fields | undefined): void {
  for (const name of ["uid", "resourceVersion"] as const) {
    if (wanted?.[name] !== undefined && wanted[name] !== stored.metadata[name]) throw refusal(409, "Conflict");
  }
}

function merge<T>(base: T, over: unknown): T {
  if (typeof base !== "object" || base === null || typeof over !== "object" || Array.isArray(over)) return over as T;
  const merged: Fields = { ...(base as Fields) };
  for (const [name, value] of Object.entries(over ?? {})) merged[name] = merge(merged[name], value);
  return merged as T;
}
