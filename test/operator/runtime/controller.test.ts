import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { Metrics } from "../../../node/base/metrics.ts";
import { Controller, type ReconcileResult } from "../../../operator/runtime/controller.ts";
import { ControllerMetrics } from "../../../operator/runtime/controller-metrics.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

let clock: VirtualClock;
let metrics: Metrics;
let controller: Controller;
let started: string[];
let working: Set<string>;
let keys: string[];
/** What a reconcile does; it records and ends at once where nothing else is said. */
let behave: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
const advance = (ms: number) => clock.advanceAsync(ms);

beforeEach(() => {
  clock = new VirtualClock();
  metrics = new Metrics();
  started = [];
  working = new Set();
  keys = [];
  behave = async () => ({});
  const reconcile = async (key: string, signal: AbortSignal) => {
    expect(working.has(key)).toBe(false);
    started.push(key);
    working.add(key);
    try {
      return await behave(key, signal);
    } finally {
      working.delete(key);
    }
  };
  controller = new Controller(
    { name: "things", concurrency: 2 },
    {
      reconciler: { reconcile },
      keys: () => keys,
      clock,
      random: () => 0.5,
      logger: silentLogger,
      metrics: new ControllerMetrics(metrics),
    },
  );
});
afterEach(() => controller.stop());

test("it works on all keys at its start, on none before", async () => {
  keys = ["ns/a", "ns/b", "ns/c"];
  controller.add("ns/a", "edit");
  await advance(1000);
  expect(started).toEqual([]);
  await controller.start();
  await advance(0);
  expect([...started].sort()).toEqual(keys);
});

test("not more at once than it may", async () => {
  const gate = Promise.withResolvers<ReconcileResult>();
  behave = () => gate.promise;
  await controller.start();
  for (const key of ["a", "b", "c"]) controller.add(key, "edit");
  await advance(1000);
  expect(started).toEqual(["a", "b"]);
  expect(await metrics.text()).toContain('workqueue_depth{name="things",controller="things"} 1');
  expect(await metrics.text()).toContain('controller_runtime_active_workers{controller="things"} 2');
  gate.resolve({});
  await advance(0);
  expect(started).toEqual(["a", "b", "c"]);
});

test("it comes again when a reconcile says so, and not otherwise", async () => {
  behave = async () => (started.length < 3 ? { requeueAfterMs: 1000 } : {});
  await controller.start();
  controller.add("a", "edit");
  await advance(999);
  expect(started).toHaveLength(1);
  await advance(60_000);
  expect(started).toHaveLength(3);
});

test("a failure comes again with growing waits; an edit does not wait for that", async () => {
  let isBroken = true;
  behave = async () => {
    if (isBroken) throw new Error("broken");
    return {};
  };
  await controller.start();
  controller.add("a", "edit");
  await advance(60_000);
  expect(started.length).toBeGreaterThan(5);
  expect(started.length).toBeLessThan(12);
  const before = started.length;
  isBroken = false;
  controller.add("a", "edit");
  await advance(0);
  expect(started.length).toBe(before + 1);
  const text = await metrics.text();
  expect(text).toContain(`controller_runtime_reconcile_errors_total{controller="things"} ${before}`);
  expect(text).toContain('controller_runtime_reconcile_total{controller="things",result="success"} 1');
});

test("everything is looked at again now and then, spread over time, and nothing else happens at rest", async () => {
  keys = Array.from({ length: 10 }, (_, i) => `ns/${i}`);
  await controller.start();
  await advance(599_000);
  expect(started).toHaveLength(10);
  await advance(301_000);
  expect(started).toHaveLength(20);
});

describe("a reconcile", () => {
  test("that hangs is told to end at its deadline, and comes again", async () => {
    behave = (_, signal) =>
      started.length > 1
        ? Promise.resolve({})
        : new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
    await controller.start();
    controller.add("a", "edit");
    await advance(60_000);
    expect(started).toEqual(["a"]);
    await advance(100);
    expect(started).toEqual(["a", "a"]);
  });

  test("is told to end, and waited for, at the stop; then nothing starts", async () => {
    let isEnded = false;
    behave = (_, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          isEnded = true;
          resolve({ requeueAfterMs: 1 });
        });
      });
    await controller.start();
    controller.add("a", "edit");
    await controller.stop();
    expect(isEnded).toBe(true);
    controller.add("b", "edit");
    await advance(60_000);
    expect(started).toEqual(["a"]);
  });
});

test("it can start again, on everything", async () => {
  keys = ["a"];
  await controller.start();
  await controller.stop();
  await controller.start();
  await advance(0);
  expect(started).toEqual(["a", "a"]);
});
