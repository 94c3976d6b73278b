/** Changes volumes' claims as planned: they grow, and belong to the PikaCluster or not. It deletes none. */

import { messageOf } from "../../node/base/errors.ts";
import { statusOf } from "../kube/api-error.ts";
import { CLAIMS } from "../resources/kinds.ts";
import type { OperatorRuntime } from "../runtime/operator-runtime.ts";
import type { NamespaceCaches } from "./caches.ts";
import type { Claim } from "./core/cluster-observation.ts";
import type { ClaimChange } from "./core/plan-claims.ts";
import { retry, type Unfinished } from "./core/task.ts";

/** StorageClasses and quotas are changed by people. */
const REFUSED_RETRY_MS = 10_000;

/** What the API server refused, if anything. @throws what it could not answer. */
export async function changeClaims(
  changes: readonly ClaimChange[],
  call: { readonly runtime: OperatorRuntime; readonly caches: NamespaceCaches; readonly signal: AbortSignal },
): Promise<Unfinished | undefined> {
  const { runtime, caches, signal } = call;
  let trouble: Unfinished | undefined;
  for (const { claim, body } of changes) {
    if (!runtime.isLeading) return trouble;
    const { namespace = "", name = "", uid, resourceVersion } = claim.metadata;
    try {
      const change = { ...body, metadata: { ...body.metadata, uid, resourceVersion } };
      const written = await runtime.client.merge<Claim>(CLAIMS, { scope: { namespace, name }, body: change, signal });
      caches.claims.put(written);
    } catch (error) {
      const status = statusOf(error);
      if (status !== 403 && status !== 422) throw error;
      trouble ??= retry("VolumeNotResized", messageOf(error), REFUSED_RETRY_MS);
    }
  }
  return trouble;
}
