import { afterEach, beforeEach, expect, test } from "vitest";
import { Metrics } from "../../../node/base/metrics.ts";
import { AdminHttp } from "../../../operator/runtime/admin-http.ts";
import { findHanging, findUnsynced, HANG_MS } from "../../../operator/runtime/health.ts";

let hanging: string[];
let unready: string[];
let http: AdminHttp;

beforeEach(async () => {
  hanging = [];
  unready = ["pods: not listed yet"];
  const metrics = new Metrics();
  metrics.counter({ name: "pika_things_total", help: "things" }).inc();
  http = new AdminHttp({ host: "127.0.0.1", port: 0 }, { metrics, hanging: () => hanging, unready: () => unready });
  await http.start();
});
afterEach(() => http.stop());

async function ask(path: string, method = "GET"): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${http.port}${path}`, { method });
  return [answer.status, await answer.text()];
}

test("alive and ready are told apart, with what is in the way", async () => {
  expect(await ask("/healthz")).toEqual([200, "ok\n"]);
  expect(await ask("/readyz")).toEqual([503, "pods: not listed yet\n"]);
  unready = [];
  hanging = ["pods: nothing happened for 700 s"];
  expect(await ask("/readyz?verbose")).toEqual([200, "ok\n"]);
  expect(await ask("/healthz")).toEqual([503, "pods: nothing happened for 700 s\n"]);
});

test("metrics are read; nothing else is answered", async () => {
  expect(await ask("/metrics")).toEqual([200, expect.stringContaining("pika_things_total 1")]);
  expect((await ask("/other"))[0]).toBe(404);
  expect((await ask("/healthz", "POST"))[0]).toBe(405);
});

test("a cache hangs when nothing at all happened for long, not when its server refuses", () => {
  const cache = { name: "pods", hasSynced: false, lastStepMs: 1000, lastError: "no rights" };
  expect(findHanging([cache], 1000 + HANG_MS)).toEqual([]);
  expect(findHanging([cache], 1001 + HANG_MS)).toEqual(["pods: nothing happened for 600 s"]);
  expect(findUnsynced([cache, { ...cache, hasSynced: true }])).toEqual(["pods: not listed yet (no rights)"]);
});
