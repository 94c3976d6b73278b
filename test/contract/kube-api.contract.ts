/**
 * What the operator's writers rely on of an API server. Each case has a namespace, or names, of its own.
 */

import { describe, expect, test } from "vitest";
import { isOtherUid } from "../../operator/kube/api-error.ts";
import { isOlderVersion, type KubeObject, type Resource } from "../../operator/kube/core/api-object.ts";
import type { KubeClient } from "../../operator/kube/kube-client.ts";

export interface KubeApiPlace {
  readonly client: KubeClient;
  readonly namespace: string;
}

const CONFIG_MAPS: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true };
const BUDGETS: Resource = {
  group: "policy",
  version: "v1",
  plural: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
  isNamespaced: true,
};
const OTHER_UID = "00000000-0000-0000-0000-000000000000";
const MANAGER = { fieldManager: "contract", isForced: true };

type Data = KubeObject & { readonly data?: Record<string, string> };

export function testKubeApi(what: string, place: () => Promise<KubeApiPlace>): void {
  let count = 0;
  const open = async () => {
    const { client, namespace } = await place();
    const scope = { namespace, name: `contract-${count++}` };
    const intent = (data: Record<string, string>, uid?: string): Data => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...scope, ...(uid === undefined ? {} : { uid }) },
      data,
    });
    return { client, scope, intent };
  };

  describe(what, () => {
    test("what was made is there, with UID and version; twice is a conflict", async () => {
      const { client, scope, intent } = await open();
      expect(await client.get(CONFIG_MAPS, scope)).toBeUndefined();
      const made = await client.create<Data>(CONFIG_MAPS, intent({ a: "1" }));
      expect(made).toMatchObject({ metadata: { uid: expect.any(String), resourceVersion: expect.any(String) } });
      expect(await client.get<Data>(CONFIG_MAPS, scope)).toMatchObject({ metadata: made.metadata, data: { a: "1" } });
      await expect(client.create(CONFIG_MAPS, intent({}))).rejects.toMatchObject({ status: 409 });
    });

    test("an update goes to the version that was read; each write gives a newer one", async () => {
      const { client, intent } = await open();
      const first = await client.create<Data>(CONFIG_MAPS, intent({ a: "1" }));
      const second = await client.update<Data>(CONFIG_MAPS, { ...first, data: { a: "2" } } as Data);
      expect(isOlderVersion(first.metadata.resourceVersion, second.metadata.resourceVersion)).toBe(true);
      expect(second.metadata.uid).toBe(first.metadata.uid);
      await expect(client.update(CONFIG_MAPS, first)).rejects.toMatchObject({ status: 409 });
    });

    test("apply makes what is not there, and changes what is; others' fields stay", async () => {
      const { client, scope, intent } = await open();
      const made = await client.apply<Data>(CONFIG_MAPS, intent({ a: "1" }), MANAGER);
      await client.merge(CONFIG_MAPS, { scope, body: { data: { other: "x" } } });
      const changed = await client.apply<Data>(CONFIG_MAPS, intent({ a: "2" }), MANAGER);
      expect(changed.metadata.uid).toBe(made.metadata.uid);
      expect(changed.data).toEqual({ a: "2", other: "x" });
    });

    test("apply with a UID makes nothing, and touches no other object", async () => {
      const { client, scope, intent } = await open();
      const refused = async () =>
        client.apply(CONFIG_MAPS, intent({ a: "2" }, OTHER_UID), MANAGER).catch((error) => error);
      expect(isOtherUid(await refused())).toBe(true);
      expect(await client.get(CONFIG_MAPS, scope)).toBeUndefined();
      await client.create(CONFIG_MAPS, intent({ a: "1" }));
      expect(isOtherUid(await refused())).toBe(true);
      expect(await client.get<Data>(CONFIG_MAPS, scope)).toMatchObject({ data: { a: "1" } });
    });

    test("a deletion goes to one UID and one version; what is gone is false", async () => {
      const { client, scope, intent } = await open();
      const made = await client.create<Data>(CONFIG_MAPS, intent({ a: "1" }));
      const { uid = "", resourceVersion = "" } = made.metadata;
      await client.merge(CONFIG_MAPS, { scope, body: { data: { a: "2" } } });
      await expect(client.delete(CONFIG_MAPS, scope, { uid: OTHER_UID })).rejects.toMatchObject({ status: 409 });
      await expect(client.delete(CONFIG_MAPS, scope, { uid, resourceVersion })).rejects.toMatchObject({ status: 409 });
      expect(await client.delete(CONFIG_MAPS, scope, { uid })).toBe(true);
      expect(await client.delete(CONFIG_MAPS, scope, { uid })).toBe(false);
    });

    test("a status is apart from the rest", async () => {
      const { client, scope } = await open();
      const spec = { maxUnavailable: 1, selector: { matchLabels: { app: "none" } } };
      const made = await client.create<KubeObject>(BUDGETS, { metadata: scope, spec } as KubeObject);
      const status = { currentHealthy: 1, desiredHealthy: 2, disruptionsAllowed: 0, expectedPods: 3 };
      const metadata = { ...scope, uid: made.metadata.uid as string };
      const object = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, status };
      // Whoever looks after budgets writes their status too: what counts is the answer.
      const written = await client.apply(BUDGETS, object, { ...MANAGER, subresource: "status" });
      expect(written).toMatchObject({ spec, status: { expectedPods: 3 } });
      const absent = { ...object, metadata: { ...metadata, name: `${scope.name}-absent` } };
      await expect(client.apply(BUDGETS, absent, { ...MANAGER, subresource: "status" })).rejects.toThrow();
    });
  });
}
