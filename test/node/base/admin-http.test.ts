import { afterEach, expect, test } from "vitest";
import { AdminHttp, type AdminHttpDeps } from "../../../node/base/admin-http.ts";
import { silentLogger } from "../../../node/base/log.ts";
import { Metrics } from "../../../node/base/metrics.ts";

const running: AdminHttp[] = [];
afterEach(async () => {
  for (const admin of running.splice(0)) await admin.stop();
});

const FINE = { hanging: () => [], unready: () => [] };
const logged: string[] = [];
const log = { ...silentLogger, error: (_fields: unknown, message: string) => void logged.push(message) };

async function start(deps: Omit<AdminHttpDeps, "log">, port = 0): Promise<AdminHttp> {
  const admin = new AdminHttp({ host: "127.0.0.1", port }, { ...deps, log });
  running.push(admin);
  await admin.start();
  return admin;
}

const ask = (admin: AdminHttp, path: string, method = "GET") =>
  fetch(`http://127.0.0.1:${admin.port}${path}`, { method });

test("tells that the process lives, whether clients are served, and the metrics", async () => {
  const metrics = new Metrics();
  metrics.observe({ name: "pika_node_answer", help: "the answer" }, () => 42);
  let waiting: string | undefined = "the log";
  let hanging: string[] = [];
  const unready = () => (waiting === undefined ? [] : [`waiting for ${waiting}`]);
  const admin = await start({ metrics, hanging: () => hanging, unready });
  expect((await ask(admin, "/healthz")).status).toBe(200);
  const refused = await ask(admin, "/readyz");
  expect([refused.status, await refused.text()]).toEqual([503, "waiting for the log\n"]);
  waiting = undefined;
  hanging = ["pods: nothing happened", "jobs: nothing happened"];
  const dead = await ask(admin, "/healthz");
  expect([dead.status, await dead.text()]).toEqual([503, "pods: nothing happened\njobs: nothing happened\n"]);
  expect((await ask(admin, "/readyz?verbose")).status).toBe(200);
  const read = await ask(admin, "/metrics");
  expect(read.headers.get("content-type")).toBe(metrics.contentType);
  expect(await read.text()).toContain("pika_node_answer 42");
});

test("knows nothing else and takes no writes", async () => {
  const admin = await start({ metrics: new Metrics(), ...FINE });
  expect((await ask(admin, "/shutdown")).status).toBe(404);
  expect((await ask(admin, "/healthz", "POST")).status).toBe(405);
});

test("a metric that cannot be read fails the one call, not the process", async () => {
  const metrics = new Metrics();
  metrics.observe({ name: "pika_node_broken", help: "broken" }, () => {
    throw new Error("out of order");
  });
  const admin = await start({ metrics, ...FINE });
  const read = await ask(admin, "/metrics");
  expect([read.status, await read.text()]).toEqual([500, "the metrics cannot be read: out of order\n"]);
  expect(logged).toEqual(["the metrics cannot be read"]);
  expect((await ask(admin, "/healthz")).status).toBe(200);
});

test("a port that is taken is said", async () => {
  const deps = { metrics: new Metrics(), ...FINE };
  const first = await start(deps);
  await expect(start(deps, first.port)).rejects.toMatchObject({ code: "ListenFailed" });
  expect(running).toContain(first);
});
