import { beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { Prng } from "../../../node/base/prng.ts";
import { EventRecorder, type ObjectNews } from "../../../operator/kube/event-recorder.ts";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import { MemoryApi } from "../../support/memory-api.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const resource = { group: "pika.io", version: "v1alpha1", plural: "things", kind: "Thing", isNamespaced: true };
const news = (message: string): ObjectNews => ({
  resource,
  object: { metadata: { namespace: "ns", name: "a", uid: "u", resourceVersion: "5" } },
  type: "Warning",
  reason: "DrainBlocked",
  action: "ScaleIn",
  message,
});

let api: MemoryApi;
let clock: VirtualClock;
let recorder: EventRecorder;

beforeEach(() => {
  api = new MemoryApi();
  clock = new VirtualClock(Date.UTC(2026, 0, 1));
  const prng = new Prng(1);
  const deps = { client: new KubeClient(api), clock, random: () => prng.nextFloat(), logger: silentLogger };
  recorder = new EventRecorder({ controller: "pika.io/operator", instance: "pod-1" }, deps);
});

test("an event says what happened to which object", async () => {
  recorder.record(news("node 3 holds slots"));
  await recorder.flush();
  const [path] = [...api.objects.keys()];
  expect(path).toMatch(/^\/apis\/events\.k8s\.io\/v1\/namespaces\/ns\/events\/a\.[0-9a-f]{12}$/);
  expect(api.objects.get(path ?? "")).toMatchObject({
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "pika.io/operator",
    type: "Warning",
    reason: "DrainBlocked",
    action: "ScaleIn",
    note: "node 3 holds slots",
    regarding: { apiVersion: "pika.io/v1alpha1", kind: "Thing", namespace: "ns", name: "a", uid: "u" },
  });
});

test("repetitions become a series of the same event", async () => {
  recorder.record(news("x"));
  await recorder.flush();
  for (let i = 0; i < 10; i++) {
    clock.advance(10_000);
    recorder.record(news("x"));
  }
  await recorder.flush();
  expect(api.objects.size).toBe(1);
  expect([...api.objects.values()][0]).toMatchObject({ series: { count: 7 } });
});

test("an event that is gone is made anew", async () => {
  recorder.record(news("x"));
  await recorder.flush();
  api.objects.clear();
  clock.advance(60_000);
  recorder.record(news("x"));
  await recorder.flush();
  recorder.record(news("x"));
  await recorder.flush();
  expect(api.objects.size).toBe(1);
});

test("a server that refuses does no harm", async () => {
  let failures = 3;
  api.before = () => {
    if (failures-- > 0) throw new Error("away");
  };
  for (let i = 0; i < 5; i++) recorder.record(news(`x${i}`));
  await recorder.flush();
  expect(api.objects.size).toBe(2);
});

test("a storm is cut: by object, and by what waits", async () => {
  const gate = Promise.withResolvers<void>();
  api.gate = gate.promise;
  for (let i = 0; i < 5000; i++) {
    const one = news("x");
    recorder.record({ ...one, object: { metadata: { ...one.object.metadata, uid: `u${i}` } } });
  }
  gate.resolve();
  await recorder.flush();
  expect(api.objects.size).toBeLessThanOrEqual(1001);
});

test("a long text is cut to what the API takes; an object without namespace has its events in default", async () => {
  recorder.record({ ...news("y".repeat(5000)), object: { metadata: { name: "n", uid: "u" } } });
  await recorder.flush();
  const [event] = [...api.objects.values()];
  expect(String(event?.note)).toHaveLength(1024);
  expect(event?.metadata.namespace).toBe("default");
});
