/**
 * Applies planned children one after another. What the API server refuses is told and does not stop the others; what it
 * could not answer is thrown, and the reconcile comes again.
 */

import { messageOf } from "../../node/base/errors.ts";
import { statusOf } from "../kube/api-error.ts";
import type { ChildWriter, Owner } from "../kube/child-writer.ts";
import { apiVersionOf, type KubeObject, keyOf } from "../kube/core/api-object.ts";
import type { PlannedChild } from "../resources/cluster-blueprint.ts";
import { PIKA_CLUSTERS } from "../resources/kinds.ts";
import type { NamespaceCaches } from "./caches.ts";
import { fail, retry, type Unfinished } from "./core/task.ts";

export interface Applied {
  /** Objects that were written. */
  readonly written: readonly string[];
  /** The first that could not be as planned. */
  readonly trouble: Unfinished | undefined;
}

const CONFLICT_RETRY_MS = 10_000;
/** Rights, quotas and policies are changed by people. */
const REFUSED_RETRY_MS = 10_000;

export function ownerOf(cluster: KubeObject): Owner {
  const { name = "", uid = "" } = cluster.metadata;
  return { apiVersion: apiVersionOf(PIKA_CLUSTERS), kind: PIKA_CLUSTERS.kind, name, uid };
}

export async function applyChildren(
  children: readonly PlannedChild[],
  call: {
    readonly writer: ChildWriter;
    readonly caches: NamespaceCaches;
    readonly owner: Owner;
    readonly signal: AbortSignal;
  },
): Promise<Applied> {
  const { writer, caches, owner, signal } = call;
  const written: string[] = [];
  let trouble: Unfinished | undefined;
  for (const { resource, object } of children) {
    const store = caches.children.get(resource.plural);
    if (!store) throw new Error(`there is no cache of ${resource.plural}`);
    const what = `${resource.kind} ${keyOf(object)}`;
    try {
      const result = await writer.apply(object, { owner, resource, store, signal });
      if (result.kind === "Applied") written.push(`${what} (${result.difference})`);
      else if (result.kind === "FieldConflict") trouble ??= retry("FieldConflict", result.message, CONFLICT_RETRY_MS);
      else if (result.kind === "Terminating") trouble ??= retry("Terminating", `${what} is being deleted`);
    } catch (error) {
      const refusal = refusalOf(error);
      if (!refusal) throw error;
      trouble ??= refusal;
    }
  }
  return { written, trouble };
}

function refusalOf(error: unknown): Unfinished | undefined {
  const status = statusOf(error);
  const message = messageOf(error);
  if (status === 403) return retry("Forbidden", message, REFUSED_RETRY_MS);
  if (status === 400 || status === 422) return fail("InvalidSpec", message);
  return undefined;
}
