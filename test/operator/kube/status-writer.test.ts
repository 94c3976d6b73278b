import { beforeEach, expect, test } from "vitest";
import type { Condition } from "../../../operator/kube/core/status-change.ts";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import { ObjectStore } from "../../../operator/kube/object-store.ts";
import { MIN_INTERVAL_MS, type ObjectWithStatus, StatusWriter } from "../../../operator/kube/status-writer.ts";
import { MemoryApi } from "../../support/memory-api.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const resource = { group: "pika.io", version: "v1alpha1", plural: "things", kind: "Thing", isNamespaced: true };
const PATH = "/apis/pika.io/v1alpha1/namespaces/ns/things/a";
const ready = (status: Condition["status"], message = "") => ({
  conditions: [{ type: "Ready", status, reason: "Because", message }],
});

let api: MemoryApi;
let store: ObjectStore;
let clock: VirtualClock;
let fence: { isFresh: boolean };
let writer: StatusWriter;
const live = () => store.get("ns", "a") as ObjectWithStatus;
const write = (status: object) => writer.write(live(), status, { resource, store });

beforeEach(() => {
  api = new MemoryApi();
  store = new ObjectStore();
  clock = new VirtualClock(Date.UTC(2026, 0, 1));
  fence = { isFresh: true };
  writer = new StatusWriter({ fieldManager: "s" }, { client: new KubeClient(api), fence, clock });
  store.put(api.put(PATH, { metadata: { namespace: "ns", name: "a" } }));
});

test("a status is written once, and read at once", async () => {
  expect(await write(ready("True"))).toEqual({ kind: "Written" });
  expect(live().status?.conditions?.[0]?.lastTransitionTime).toBe("2026-01-01T00:00:00Z");
  clock.advance(3_600_000);
  expect(await write(ready("True"))).toEqual({ kind: "Unchanged" });
  expect(api.requests).toEqual([`apply ${PATH}/status`]);
  expect(api.bodies[0]).not.toHaveProperty("spec");
});

test("at most once a second for one object", async () => {
  await write(ready("True"));
  clock.advance(400);
  expect(await write(ready("False"))).toEqual({ kind: "TooSoon", retryAfterMs: MIN_INTERVAL_MS - 400 });
  clock.advance(MIN_INTERVAL_MS - 400);
  expect(await write(ready("False"))).toEqual({ kind: "Written" });
});

test("other objects do not wait for it", async () => {
  await write(ready("True"));
  const other = api.put(PATH.replace(/a$/, "b"), { metadata: { namespace: "ns", name: "b" } });
  expect(await writer.write(other, ready("True"), { resource, store })).toEqual({ kind: "Written" });
});

test("a message alone changes no transition time", async () => {
  await write(ready("True"));
  clock.advance(60_000);
  await write(ready("True", "more to say"));
  expect(live().status?.conditions?.[0]).toMatchObject({
    message: "more to say",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  });
});

test("not without a fresh Lease, and not to another object of that name", async () => {
  fence.isFresh = false;
  await expect(write(ready("True"))).rejects.toMatchObject({ code: "NotLeading" });
  fence.isFresh = true;
  api.objects.delete(PATH);
  api.put(PATH, { metadata: { namespace: "ns", name: "a", uid: "another" } });
  await expect(write(ready("True"))).rejects.toMatchObject({ status: 422 });
});
