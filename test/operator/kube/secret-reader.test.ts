import { beforeEach, expect, test } from "vitest";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import { ObjectStore } from "../../../operator/kube/object-store.ts";
import { MAX_SECRETS, SecretReader } from "../../../operator/kube/secret-reader.ts";
import { MemoryApi } from "../../support/memory-api.ts";

const pathOf = (name: string) => `/api/v1/namespaces/ns/secrets/${name}`;
let api: MemoryApi;
let store: ObjectStore;
let reader: SecretReader;

beforeEach(() => {
  api = new MemoryApi();
  store = new ObjectStore();
  reader = new SecretReader(store, new KubeClient(api));
});

/** Stores a Secret, and tells its metadata as the watch does. */
function put(name: string, value: string): void {
  const { metadata } = api.put(pathOf(name), { metadata: { namespace: "ns", name }, data: { k: value } });
  store.put({ metadata });
}

const readValue = async (name: string) => (await reader.read("ns", name))?.data?.k;

test("a Secret is read when it is asked for, and again only when it changed", async () => {
  put("a", "1");
  put("never", "x");
  expect([await readValue("a"), await readValue("a")]).toEqual(["1", "1"]);
  put("a", "2");
  expect([await readValue("a"), await readValue("a")]).toEqual(["2", "2"]);
  expect(api.requests).toEqual([`get ${pathOf("a")}`, `get ${pathOf("a")}`]);
});

test("one that is newer than its metadata here is not read again when that comes", async () => {
  put("a", "1");
  const newer = api.put(pathOf("a"), { metadata: { namespace: "ns", name: "a" }, data: { k: "2" } });
  expect(await readValue("a")).toBe("2");
  store.put({ metadata: newer.metadata });
  expect(await readValue("a")).toBe("2");
  expect(api.requests).toHaveLength(1);
});

test("one that is gone, or was made again, is not what was read", async () => {
  expect(await readValue("a")).toBeUndefined();
  put("a", "1");
  await readValue("a");
  const old = store.get("ns", "a");
  if (old) store.remove({ metadata: { ...old.metadata } });
  expect(await readValue("a")).toBeUndefined();
  api.objects.clear();
  put("a", "2");
  expect(await readValue("a")).toBe("2");
  api.objects.clear();
  put("b", "x");
  api.objects.clear();
  expect(await readValue("b")).toBeUndefined();
});

test("a limited number is kept", async () => {
  for (let i = 0; i <= MAX_SECRETS; i++) {
    put(`s${i}`, "x");
    await readValue(`s${i}`);
  }
  api.requests.length = 0;
  await readValue(`s${MAX_SECRETS}`);
  expect(api.requests).toEqual([]);
  await readValue("s0");
  expect(api.requests).toHaveLength(1);
});
