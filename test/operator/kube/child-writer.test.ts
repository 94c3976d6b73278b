import { beforeEach, describe, expect, test } from "vitest";
import { ChildWriter } from "../../../operator/kube/child-writer.ts";
import { trimObject } from "../../../operator/kube/core/api-object.ts";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import { ObjectStore } from "../../../operator/kube/object-store.ts";
import { MemoryApi } from "../../support/memory-api.ts";

const resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true };
const owner = { apiVersion: "pika.io/v1alpha1", kind: "PikaCluster", name: "c", uid: "owner-uid" };
const PATH = "/api/v1/namespaces/ns/configmaps/a";
const intent = (data: Record<string, string>) => ({ metadata: { namespace: "ns", name: "a" }, data });

let api: MemoryApi;
let store: ObjectStore;
let fence: { isFresh: boolean };
let writer: ChildWriter;
const call = () => ({ owner, resource, store });

beforeEach(() => {
  api = new MemoryApi();
  store = new ObjectStore();
  fence = { isFresh: true };
  const options = { fieldManager: "m", hashAnnotation: "pika.io/intent-hash" };
  writer = new ChildWriter(options, { client: new KubeClient(api), fence });
});

test("a child is made with its owner and the hash, is read at once, and costs nothing at rest", async () => {
  expect(await writer.apply(intent({ k: "1" }), call())).toMatchObject({ kind: "Applied" });
  const stored = api.objects.get(PATH);
  expect(stored?.metadata.ownerReferences).toEqual([{ ...owner, controller: true, blockOwnerDeletion: true }]);
  expect(stored?.metadata.annotations?.["pika.io/intent-hash"]).toMatch(/^[0-9a-f]{32}$/);
  expect(store.get("ns", "a")).toMatchObject({ data: { k: "1" } });
  api.requests.length = 0;
  for (let i = 0; i < 3; i++)
    expect(await writer.apply(intent({ k: "1" }), call())).toMatchObject({ kind: "Unchanged" });
  expect(api.requests).toEqual([]);
});

test("the hash does not depend on the order of fields", async () => {
  await writer.apply(intent({ k: "1", l: "2" }), call());
  expect(await writer.apply(intent({ l: "2", k: "1" }), call())).toMatchObject({ kind: "Unchanged" });
});

test("a changed intent is applied, to the object that was seen", async () => {
  await writer.apply(intent({ k: "1" }), call());
  expect(await writer.apply(intent({ k: "2" }), call())).toMatchObject({ kind: "Applied", difference: "the intent" });
  expect(api.bodies.at(-1)).toMatchObject({ metadata: { uid: api.objects.get(PATH)?.metadata.uid } });
});

test("a hand edit heals, what others add stays", async () => {
  await writer.apply(intent({ k: "1" }), call());
  const live = api.objects.get(PATH);
  store.put(trimObject(api.put(PATH, { ...live, data: { k: "edited", other: "x" } })));
  expect(await writer.apply(intent({ k: "1" }), call())).toMatchObject({ kind: "Applied", difference: "data.k" });
  expect(api.objects.get(PATH)?.data).toEqual({ k: "1", other: "x" });
});

describe("an object that isn't ours is left alone", () => {
  test.each([
    ["made by somebody else", {}, /was made by somebody else/],
    [
      "controlled by an earlier owner of that name",
      { ownerReferences: [{ ...owner, uid: "old", controller: true }] },
      /is controlled by PikaCluster c, not by PikaCluster c \(owner-uid\)/,
    ],
    ["owned, not controlled", { ownerReferences: [owner] }, /was made by somebody else/],
  ])("%s", async (_, metadata, message) => {
    const live = api.put(PATH, { metadata: { namespace: "ns", name: "a", ...metadata } });
    const unseen = await writer.apply(intent({ k: "1" }), call());
    expect(unseen).toMatchObject({ kind: "FieldConflict", message: expect.stringMatching(message) });
    store.put(live);
    expect(await writer.apply(intent({ k: "1" }), call())).toMatchObject({ kind: "FieldConflict" });
    expect(api.requests).toEqual([`get ${PATH}`]);
  });
});

test("one that is being deleted is waited for", async () => {
  const ownerReferences = [{ ...owner, controller: true }];
  const metadata = { namespace: "ns", name: "a", ownerReferences, deletionTimestamp: "2026-01-01T00:00:00Z" };
  store.put(api.put(PATH, { metadata }));
  expect(await writer.apply(intent({ k: "1" }), call())).toEqual({ kind: "Terminating" });
  expect(api.requests).toEqual([]);
});

test("one that was replaced since it was seen is not touched", async () => {
  await writer.apply(intent({ k: "1" }), call());
  api.objects.delete(PATH);
  api.put(PATH, { metadata: { namespace: "ns", name: "a", uid: "another" } });
  expect(await writer.apply(intent({ k: "2" }), call())).toEqual({ kind: "Terminating" });
  expect(api.objects.get(PATH)).not.toHaveProperty("data");
});

describe("without a fresh Lease", () => {
  test("nothing is written, what needs no write is answered", async () => {
    await writer.apply(intent({ k: "1" }), call());
    fence.isFresh = false;
    api.requests.length = 0;
    await expect(writer.apply(intent({ k: "2" }), call())).rejects.toMatchObject({ code: "NotLeading" });
    expect(await writer.apply(intent({ k: "1" }), call())).toMatchObject({ kind: "Unchanged" });
    expect(api.requests).toEqual([]);
  });

  test("nothing is deleted", async () => {
    await writer.apply(intent({ k: "1" }), call());
    fence.isFresh = false;
    const child = store.get("ns", "a");
    if (child) await expect(writer.remove(child, call())).rejects.toMatchObject({ code: "NotLeading" });
    expect(api.objects.has(PATH)).toBe(true);
  });
});

describe("a deletion", () => {
  test("goes to the UID and version that were seen", async () => {
    await writer.apply(intent({ k: "1" }), call());
    const child = store.get("ns", "a");
    if (!child) throw new Error("the child is cached");
    api.put(PATH, { ...api.objects.get(PATH), data: { k: "newer" } });
    await expect(writer.remove(child, call())).rejects.toMatchObject({ status: 409 });
    store.put(structuredClone(api.objects.get(PATH)) as typeof child);
    expect(await writer.remove(store.get("ns", "a") ?? child, call())).toBe(true);
    expect(await writer.remove(child, call())).toBe(false);
  });

  test("of what isn't ours is a mistake of the program", async () => {
    const child = api.put(PATH, { metadata: { namespace: "ns", name: "a" } });
    await expect(writer.remove(child, call())).rejects.toThrow(/only what the owner controls/);
  });
});

test("Secrets are written by data", async () => {
  const secret = { metadata: { namespace: "ns", name: "a" }, stringData: { k: "v" } };
  await expect(writer.apply(secret, call())).rejects.toThrow(/`data`/);
});
