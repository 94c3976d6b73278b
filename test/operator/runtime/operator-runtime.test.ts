import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";
import { silentLogger } from "../../../node/base/log.ts";
import { Metrics } from "../../../node/base/metrics.ts";
import { OperatorRuntime } from "../../../operator/runtime/operator-runtime.ts";
import { waitFor } from "../../support/wait-for.ts";

const resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", isNamespaced: true };
const object = { metadata: { namespace: "ns", name: "a", uid: "u" } };

/** An API server that refuses all, or says nothing at all. The real one is in test/kube. */
let isMute: boolean;
const server = createServer((_, response) => {
  if (!isMute) response.writeHead(403).end('{"reason":"Forbidden","message":"no rights"}');
});
let runtime: OperatorRuntime;
let reconciled: number;

beforeEach(async () => {
  isMute = false;
  reconciled = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const none = { ca: undefined, certificate: undefined, key: undefined, serverName: undefined, isVerified: true };
  const credentials = { current: async () => ({ url, headers: {}, ...none }), refuse: () => {} };
  const identity = { identity: "i", programVersion: "1", namespace: "ns", leaseName: "l", host: "127.0.0.1", port: 0 };
  const clock = new SystemClock();
  const deps = { credentials, clock, random: () => 0.5, logger: silentLogger, metrics: new Metrics() };
  runtime = new OperatorRuntime(identity, deps);
  const store = runtime.cache({ resource });
  const reconciler = {
    reconcile: async () => {
      reconciled++;
      return {};
    },
  };
  runtime.control({ name: "c", concurrency: 1 }, { reconciler, keys: () => store.keys() }).add("ns/a", "edit");
  await runtime.start();
});
afterEach(async () => {
  await runtime.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function ask(path: string): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${runtime.port}${path}`);
  return [answer.status, await answer.text()];
}

test("without rights it is alive, says what is missing, and does nothing", async () => {
  await waitFor(async () => (await ask("/readyz"))[1].includes("no rights"));
  expect((await ask("/readyz"))[0]).toBe(503);
  expect(await ask("/healthz")).toEqual([200, "ok\n"]);
  expect(runtime.isLeading).toBe(false);
  expect(reconciled).toBe(0);
  const metrics = (await ask("/metrics"))[1];
  expect(metrics).toContain('leader_election_master_status{name="l"} 0');
  expect(metrics).toMatch(/pika_operator_api_requests_total\{verb="get",resource="leases",code="403"\} \d/);
});

test("it stops while the API server says nothing, with events that cannot be told", async () => {
  isMute = true;
  const news = { type: "Normal", reason: "R", action: "A", message: "m" } as const;
  for (let i = 0; i < 10; i++) runtime.events.record({ ...news, resource, object, message: `m${i}` });
  await runtime.stop();
  await runtime.stop();
  await expect(ask("/healthz")).rejects.toThrow();
});
