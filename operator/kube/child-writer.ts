/**
 * Makes the objects that we control what they should be, with server-side apply.
 * Invariants: an object of that name that isn't controlled by the owner's UID is never touched; nothing is sent where
 * the hash of our last intent is the present one's and each field of it is as it was set, so a hand edit heals and rest
 * costs nothing; deletions go to one UID and version; nothing is written without a fresh Lease.
 * Between a look that found nothing and the apply, somebody else may make an object of that name: it would get our
 * fields. Server-side apply has no precondition of absence; the look goes to the API server, not to the cache.
 */

import { createHash } from "node:crypto";
import { assert } from "../../node/base/assert.ts";
import { isOtherUid } from "./api-error.ts";
import { apiVersionOf, controllerUidOf, type KubeObject, keyOf, type Resource } from "./core/api-object.ts";
import { canonicalJson, findDifference } from "./core/intent.ts";
import { type Fence, requireFresh } from "./fence.ts";
import type { CallOptions, KubeClient } from "./kube-client.ts";
import type { ObjectStore } from "./object-store.ts";

/** The object whose children are written: its controller reference goes on each. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export type ApplyResult =
  | { readonly kind: "Unchanged" | "Applied"; readonly object: KubeObject; readonly difference: string | undefined }
  /** There is an object of that name that isn't ours. */
  | { readonly kind: "FieldConflict"; readonly message: string }
  /** The one of that name is being deleted: try again when it is gone. */
  | { readonly kind: "Terminating" };

export interface ChildCall extends CallOptions {
  readonly owner: Owner;
  readonly resource: Resource;
  /** The cache of the resource: what is written is read from it at once. */
  readonly store: ObjectStore<KubeObject>;
}

export interface ChildWriterOptions {
  readonly fieldManager: string;
  /** Annotation that holds the hash of the last intent: `pika.io/intent-hash`. */
  readonly hashAnnotation: string;
}

export class ChildWriter {
  readonly #options: ChildWriterOptions;
  readonly #client: KubeClient;
  readonly #fence: Fence;

  constructor(options: ChildWriterOptions, deps: { readonly client: KubeClient; readonly fence: Fence }) {
    this.#options = options;
    this.#client = deps.client;
    this.#fence = deps.fence;
  }

  /** Makes the child be as `intent` says. Fields that an earlier intent had and this one has not are taken away. */
  async apply(intent: KubeObject, call: ChildCall): Promise<ApplyResult> {
    assert(!("stringData" in intent), "Secrets are written by `data`: what the server turns round cannot be compared");
    const { owner, resource, store } = call;
    const wanted = this.#prepare(intent, owner, resource);
    const cached = store.byKey(keyOf(intent));
    const live = cached ?? (await this.#find(intent, call));
    if (live) {
      const conflict = describeConflict(live, owner, resource);
      if (conflict) return { kind: "FieldConflict", message: conflict };
      if (live.metadata.deletionTimestamp !== undefined) return { kind: "Terminating" };
    }
    const difference = live ? this.#difference(wanted, live) : "the object";
    if (live && difference === undefined) return { kind: "Unchanged", object: live, difference };
    requireFresh(this.#fence, `apply ${resource.kind} ${keyOf(intent)}`);
    const applied = await this.#send(wanted, live, call);
    if (applied === undefined) return { kind: "Terminating" };
    store.put(applied);
    return { kind: "Applied", object: applied, difference };
  }

  /** Deletes a child, if it is still the one that was seen. False where it isn't there any more. */
  async remove(child: KubeObject, call: ChildCall): Promise<boolean> {
    const { owner, resource } = call;
    const { namespace, name = "", uid = "", resourceVersion } = child.metadata;
    assert(controllerUidOf(child) === owner.uid, "only what the owner controls is deleted");
    requireFresh(this.#fence, `delete ${resource.kind} ${keyOf(child)}`);
    const scope = namespace === undefined ? { name } : { namespace, name };
    const options = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    return this.#client.delete(resource, scope, { ...options, ...optionsOf(call) });
  }

  #prepare(intent: KubeObject, owner: Owner, resource: Resource): KubeObject {
    const reference = { ...owner, controller: true, blockOwnerDeletion: true };
    const object = {
      ...intent,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { ...intent.metadata, ownerReferences: [reference] },
    };
    const hash = createHash("sha256").update(canonicalJson(object)).digest("hex").slice(0, 32);
    const annotations = { ...intent.metadata.annotations, [this.#options.hashAnnotation]: hash };
    return { ...object, metadata: { ...object.metadata, annotations } };
  }

  #difference(wanted: KubeObject, live: KubeObject): string | undefined {
    const name = this.#options.hashAnnotation;
    if (live.metadata.annotations?.[name] !== wanted.metadata.annotations?.[name]) return "the intent";
    return findDifference(wanted, live);
  }

  /** The cache does not know it: perhaps not yet, perhaps because it lacks the label that is watched. */
  #find(intent: KubeObject, call: ChildCall): Promise<KubeObject | undefined> {
    const { namespace, name = "" } = intent.metadata;
    return this.#client.get(call.resource, namespace === undefined ? { name } : { namespace, name }, optionsOf(call));
  }

  /** Undefined where the object that was seen is gone, or another one has its name by now. */
  async #send(wanted: KubeObject, live: KubeObject | undefined, call: ChildCall): Promise<KubeObject | undefined> {
    const uid = live?.metadata.uid;
    const object = uid === undefined ? wanted : { ...wanted, metadata: { ...wanted.metadata, uid } };
    try {
      const { fieldManager } = this.#options;
      return await this.#client.apply(call.resource, object, { fieldManager, isForced: true, ...optionsOf(call) });
    } catch (error) {
      if (uid !== undefined && isOtherUid(error)) return undefined;
      throw error;
    }
  }
}

function optionsOf({ signal, timeoutMs }: CallOptions): CallOptions {
  return { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

function describeConflict(live: KubeObject, owner: Owner, resource: Resource): string | undefined {
  const controller = live.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (controller?.uid === owner.uid) return undefined;
  const who = controller ? `is controlled by ${controller.kind} ${controller.name}` : "was made by somebody else";
  const what = `${resource.kind} ${keyOf(live)} ${who}, not by ${owner.kind} ${owner.name} (${owner.uid})`;
  return `${what}; it is left alone: delete or rename it`;
}
