/**
 * Users' Secrets: a cache of their metadata says when one changes, and only those that are asked for are read, once for
 * each version. So the operator holds the few that it needs, not all that the cluster has.
 */

import type { V1Secret } from "@kubernetes/client-node";
import { isOlderVersion, type KubeObject, objectKey, type Resource, type Wire } from "./core/api-object.ts";
import type { CallOptions, KubeClient } from "./kube-client.ts";
import type { ObjectStore } from "./object-store.ts";

/** `data` holds base64. */
export type Secret = KubeObject & Pick<Wire<V1Secret>, "data" | "type">;

export const SECRETS: Resource = { group: "", version: "v1", plural: "secrets", kind: "Secret", isNamespaced: true };

/** Some for each of a thousand clusters; those read longest ago are forgotten, and read again when asked for. */
export const MAX_SECRETS = 4096;

export class SecretReader {
  /** The metadata of all that are watched: tells changes to controllers. */
  readonly metadata: ObjectStore<KubeObject>;
  readonly #client: KubeClient;
  readonly #read = new Map<string, Secret>();

  constructor(metadata: ObjectStore<KubeObject>, client: KubeClient) {
    this.metadata = metadata;
    this.#client = client;
    metadata.onChange(({ kind, key }) => {
      if (kind === "deleted") this.#read.delete(key);
    });
  }

  /** The Secret, at least as new as its metadata here; undefined where there is none. Throws as the client does. */
  async read(namespace: string, name: string, options: CallOptions = {}): Promise<Secret | undefined> {
    const key = objectKey(namespace, name);
    const known = this.metadata.byKey(key)?.metadata;
    if (known === undefined) return undefined;
    const kept = this.#read.get(key);
    const isSame = kept?.metadata.uid === known.uid;
    if (kept && isSame && !isOlderVersion(kept.metadata.resourceVersion, known.resourceVersion)) return kept;
    const secret = await this.#client.get<Secret>(SECRETS, { namespace, name }, options);
    this.#read.delete(key);
    if (secret === undefined) return undefined;
    delete secret.metadata.managedFields;
    this.#read.set(key, secret);
    const oldest = this.#read.keys().next();
    if (this.#read.size > MAX_SECRETS && !oldest.done) this.#read.delete(oldest.value);
    return secret;
  }
}
