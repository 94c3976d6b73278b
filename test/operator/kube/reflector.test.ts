import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import { Metrics } from "../../../node/base/metrics.ts";
import { ApiError } from "../../../operator/kube/api-error.ts";
import { ObjectStore } from "../../../operator/kube/object-store.ts";
import { Reflector, SILENCE_MS, STREAM_LIST_SILENCE_MS } from "../../../operator/kube/reflector.ts";
import { ReflectorMetrics } from "../../../operator/kube/reflector-metrics.ts";
import { MemoryObjects } from "../../support/memory-objects.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

let server: MemoryObjects;
let store: ObjectStore;
let clock: VirtualClock;
let reflector: Reflector;
let metrics: Metrics;

beforeEach(() => {
  server = new MemoryObjects();
  store = new ObjectStore();
  clock = new VirtualClock();
  metrics = new Metrics();
  reflector = new Reflector(
    { name: "things", pageSize: 2 },
    {
      source: server,
      store,
      clock,
      random: () => 0.5,
      logger: silentLogger,
      metrics: new ReflectorMetrics(metrics),
    },
  );
});
afterEach(() => reflector.stop());

const names = () => [...store.keys()].sort().map((key) => key.slice(3));
const advance = (ms: number) => clock.advanceAsync(ms);

async function startSynced(): Promise<void> {
  await reflector.start();
  await advance(0);
  expect(store.hasSynced).toBe(true);
}

describe("at the start", () => {
  test("the list is streamed and followed by its events", async () => {
    server.put("a");
    await startSynced();
    server.put("b");
    server.remove("a");
    await advance(0);
    expect(names()).toEqual(["b"]);
    expect(server.calls).toEqual(["stream"]);
  });

  test("where the server does not stream, pages are read", async () => {
    server.canStream = false;
    for (const name of ["a", "b", "c", "d", "e"]) server.put(name);
    await startSynced();
    expect(names()).toEqual(["a", "b", "c", "d", "e"]);
    expect(server.calls).toEqual(["stream", "list", "page", "page", "watch 105"]);
  });

  test("where the server refuses in the stream, as over an old etcd, pages are read", async () => {
    server.isMute = true;
    server.put("a");
    await reflector.start();
    await advance(0);
    server.openWatch?.give(
      new ApiError("storage feature RequestWatchProgress", { status: 500, reason: "InternalError" }),
    );
    await advance(1000);
    expect(names()).toEqual(["a"]);
    expect(server.calls.slice(0, 2)).toEqual(["stream", "list"]);
  });

  test("where a streamed list never ends, pages are read", async () => {
    server.isMute = true;
    server.put("a");
    await reflector.start();
    await advance(STREAM_LIST_SILENCE_MS);
    expect(names()).toEqual(["a"]);
    expect(server.calls).toEqual(["stream", "list", "watch 101"]);
    expect(server.watches[0]?.isClosed).toBe(true);
  });

  test("it waits for a server that refuses, and says what is in the way", async () => {
    for (let i = 0; i < 3; i++) server.failures.push(new ApiError("no rights", { status: 403, reason: "Forbidden" }));
    await reflector.start();
    await advance(0);
    expect(reflector.lastError).toBe("no rights");
    await advance(20_000);
    expect(store.hasSynced).toBe(true);
    expect(reflector.lastError).toBeUndefined();
  });
});

describe("a watch", () => {
  test("that ends is opened again where it was, without a list", async () => {
    await startSynced();
    server.put("a");
    await advance(2000);
    server.openWatch?.close();
    await advance(0);
    server.put("b");
    await advance(0);
    expect(names()).toEqual(["a", "b"]);
    expect(server.calls).toEqual(["stream", "watch 101"]);
  });

  test("that breaks misses nothing", async () => {
    await startSynced();
    const watch = server.openWatch;
    watch?.give(new Error("reset"));
    if (watch) watch.isClosed = true;
    server.put("a");
    await advance(2000);
    expect(names()).toEqual(["a"]);
    expect(server.calls).toEqual(["stream", "watch 100"]);
  });

  test("goes on from a bookmark, so that a compaction of quiet times costs no list", async () => {
    await startSynced();
    server.version = 500;
    server.openWatch?.give(server.bookmark());
    await advance(2000);
    server.compact();
    server.openWatch?.close();
    await advance(0);
    expect(server.calls).toEqual(["stream", "watch 500"]);
  });

  test("whose version is gone, by status: all is listed, what was deleted meanwhile is told", async () => {
    server.put("a");
    await startSynced();
    const deleted: string[] = [];
    store.onChange(({ kind, key }) => kind === "deleted" && deleted.push(key));
    server.isMute = true;
    server.remove("a");
    server.put("b");
    server.compact();
    server.isMute = false;
    server.openWatch?.close();
    await advance(5000);
    expect(names()).toEqual(["b"]);
    expect(deleted).toEqual(["ns/a"]);
    expect(server.calls).toEqual(["stream", "watch 101", "stream"]);
  });

  test("whose version is gone, as an event in the stream", async () => {
    await startSynced();
    const watch = server.openWatch;
    watch?.give(new ApiError("too old", { status: 410, reason: "Expired" }));
    if (watch) watch.isClosed = true;
    await advance(5000);
    expect(server.calls).toEqual(["stream", "stream"]);
  });

  test("that is silent is taken for dead", async () => {
    await startSynced();
    server.isMute = true;
    server.put("a");
    await advance(SILENCE_MS - 1);
    expect(server.calls).toEqual(["stream"]);
    server.isMute = false;
    await advance(1000);
    expect(names()).toEqual(["a"]);
    expect(server.calls).toEqual(["stream", "watch 100"]);
    expect(server.watches[0]?.isClosed).toBe(true);
  });

  test("that has bookmarks lives on", async () => {
    await startSynced();
    for (let i = 0; i < 10; i++) {
      server.openWatch?.give(server.bookmark());
      await advance(60_000);
    }
    expect(server.calls).toEqual(["stream"]);
  });
});

test("a server that loses every version at once is not listed in a storm", async () => {
  await startSynced();
  for (let i = 0; i < 200; i++) server.failures.push(new ApiError("too old", { status: 410, reason: "Expired" }));
  server.openWatch?.close();
  await advance(10 * 60_000);
  const lists = server.calls.filter((call) => call === "stream" || call === "list").length;
  expect(lists).toBeGreaterThan(5);
  expect(lists).toBeLessThan(25);
});

test("a server that is away for hours is found again; asked about twice a minute", async () => {
  await startSynced();
  for (let i = 0; i < 10_000; i++) server.failures.push(new Error("refused"));
  server.openWatch?.close();
  await advance(3 * 3_600_000);
  expect(server.calls.length).toBeLessThan(600);
  server.failures.length = 0;
  server.put("a");
  await advance(30_000);
  expect(names()).toEqual(["a"]);
});

test("a list of a server that lags is refused, and nothing is taken for deleted", async () => {
  server.canStream = false;
  server.put("a");
  await startSynced();
  const truth = new Map(server.objects);
  server.objects.clear();
  server.version = 90;
  server.openWatch?.give(new ApiError("too old", { status: 410, reason: "Expired" }));
  await advance(2000);
  expect(names()).toEqual(["a"]);
  expect(reflector.lastError).toMatch(/older than 101/);
  for (const [key, one] of truth) server.objects.set(key, one);
  server.version = 110;
  await advance(60_000);
  expect(names()).toEqual(["a"]);
  expect(reflector.lastError).toBeUndefined();
});

test("a server that was restored from a backup is believed in the end", async () => {
  server.put("a");
  await startSynced();
  server.objects.clear();
  server.version = 50;
  server.put("old");
  server.compact();
  server.openWatch?.give(new ApiError("too old", { status: 410, reason: "Expired" }));
  await advance(10 * 60_000);
  expect(names()).toEqual(["old"]);
  server.put("new");
  await advance(0);
  expect(names()).toEqual(["new", "old"]);
});

test("it counts what it asks, hears and holds", async () => {
  server.put("a");
  await startSynced();
  server.put("b");
  await advance(0);
  const text = await metrics.text();
  expect(text).toContain('pika_operator_cache_lists_total{resource="things"} 1');
  expect(text).toContain('pika_operator_cache_watches_total{resource="things"} 1');
  expect(text).toContain('pika_operator_cache_objects{resource="things"} 2');
});

test("it stops at once while it waits or hears nothing, and can start again", async () => {
  await startSynced();
  await reflector.stop();
  expect(server.watches[0]?.isClosed).toBe(true);
  server.put("a");
  await reflector.start();
  await advance(0);
  expect(names()).toEqual(["a"]);
  server.failures.push(new Error("refused"), new Error("refused"));
  server.openWatch?.close();
  await advance(0);
  await reflector.stop();
  expect(clock.pendingCount).toBe(0);
});
