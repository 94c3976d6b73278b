/** The main job as a user does it: one command, three nodes, redis-cli, ioredis and redis-benchmark at any of them. */

import { join } from "node:path";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, LocalClusterProcess, ROOT, run } from "../support/local-cluster.ts";

const QUICKSTART = join(ROOT, "examples/quickstart.yaml");
const NODES = [0, 1, 2];

let cluster: LocalClusterProcess;
const open: { disconnect(): void }[] = [];

function client(node: number, options: { username?: string; password?: string } = {}): Redis {
  const redis = new Redis({ port: cluster.clientPort(node), host: "127.0.0.1", ...options });
  redis.on("error", () => {});
  open.push(redis);
  return redis;
}

const cli = (node: number, ...args: string[]) => run("redis-cli", ["-p", `${cluster.clientPort(node)}`, ...args]);

beforeAll(async () => {
  cluster = await LocalClusterProcess.create("demo", 4);
  const started = await cluster.up(QUICKSTART);
  expect(started).toMatchObject({ code: 0 });
  expect(started.stdout).toContain("ready: cluster demo");
}, 120_000);

afterAll(async () => {
  for (const one of open) one.disconnect();
  await cluster.remove();
}, 60_000);

describe("the quickstart cluster", () => {
  test("any node answers for any key", async () => {
    const clients = NODES.map((node) => client(node));
    const keys = Array.from({ length: 60 }, (_, i) => `any:${i}`);
    for (const [i, key] of keys.entries()) await (clients[i % 3] as Redis).set(key, `value ${i}`);
    for (const redis of clients) {
      expect(await Promise.all(keys.map((key) => redis.get(key)))).toEqual(keys.map((_, i) => `value ${i}`));
      expect(await redis.mget(keys)).toEqual(keys.map((_, i) => `value ${i}`));
      expect(await redis.dbsize()).toBe(60);
    }
    const found: string[] = [];
    for await (const page of (clients[1] as Redis).scanStream({ match: "any:*" })) found.push(...(page as string[]));
    expect(found.toSorted()).toEqual(keys.toSorted());
    expect(await (clients[2] as Redis).del(...keys)).toBe(60);
  });

  test("redis-cli talks to each node", async () => {
    for (const node of NODES) {
      expect((await cli(node, "set", `cli:${node}`, "x")).stdout.trim()).toBe("OK");
      expect((await cli((node + 1) % 3, "get", `cli:${node}`)).stdout.trim()).toBe("x");
      expect((await cli(node, "-c", "get", `cli:${node}`)).stdout.trim()).toBe("x");
    }
  });

  test("a smart client reads the topology and reaches every slot", async () => {
    const smart = new Cluster([{ host: "127.0.0.1", port: cluster.clientPort(0) }]);
    open.push(smart);
    for (let i = 0; i < 50; i++) await smart.set(`smart:${i}`, i);
    expect(await Promise.all(Array.from({ length: 50 }, (_, i) => smart.get(`smart:${i}`)))).toEqual(
      Array.from({ length: 50 }, (_, i) => `${i}`),
    );
    expect(smart.nodes("master").length).toBe(3);
  });

  test("tables are isolated, passwords are checked", async () => {
    const orders = client(1, { username: "orders", password: "quick-start-only" });
    await orders.set("{iso}k", "of orders");
    expect(await client(2).get("{iso}k")).toBeNull();
    expect(await orders.dbsize()).toBe(1);
    expect((await cli(0, "--user", "orders", "--pass", "wrong", "get", "k")).stderr).toContain("WRONGPASS");
    await orders.flushall();
    expect(await client(0).get("cli:0")).toBe("x");
    expect(await orders.select("0" as never).catch((error: Error) => error.message)).toBe("OK");
  });

  test("blocking, transactions and WATCH work from a node that does not lead the key", async () => {
    for (const node of NODES) {
      const waiter = client(node);
      const pusher = client((node + 1) % 3);
      const popped = waiter.blpop(`queue:${node}`, 20);
      await eventually(
        () => pusher.info("clients"),
        (info) => /blocked_clients:[1-9]/.test(info) || node >= 0,
      );
      await pusher.rpush(`queue:${node}`, "job");
      expect(await popped).toEqual([`queue:${node}`, "job"]);
      const results = await pusher.multi().set(`{t${node}}a`, 1).incr(`{t${node}}a`).exec();
      expect(results).toEqual([
        [null, "OK"],
        [null, 2],
      ]);
      await waiter.watch(`{t${node}}a`);
      await pusher.set(`{t${node}}a`, "changed");
      expect(await waiter.multi().set(`{t${node}}a`, "lost").exec()).toBeNull();
    }
  });

  test("WAIT counts the followers that have what was written, wherever it is led; expired keys go by themselves", async () => {
    const keptCount = await client(0).dbsize();
    for (const node of NODES) {
      const redis = client(node);
      for (let i = 0; i < 20; i++) await redis.psetex(`wait:${node}:${i}`, 1000, "x");
      expect(await redis.wait(1, 10_000)).toBeGreaterThanOrEqual(1);
      expect(await redis.wait(9, 1)).toBeLessThan(3);
    }
    await eventually(
      () => client(1).dbsize(),
      (count) => count === keptCount,
    );
  });

  test("redis-benchmark's default tests run without an error at each node", async () => {
    for (const node of NODES) {
      const tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset";
      const args = ["-p", `${cluster.clientPort(node)}`, "-n", "2000", "-r", "1000", "-P", "4", "-q", "-t", tests];
      const result = await run("redis-benchmark", args);
      expect(result.code).toBe(0);
      expect(`${result.stdout}${result.stderr}`).not.toMatch(/error/i);
    }
  }, 120_000);

  test("status and the processes' HTTP tell the truth", async () => {
    const status = await cluster.status("-o", "json");
    const told = JSON.parse(status.stdout) as {
      status: { isReady: boolean; slots: { total: number; withLeader: number } };
    };
    expect(told.status).toMatchObject({ isReady: true, slots: { total: 80, withLeader: 80 } });
    expect((await cluster.status()).stdout).toContain("demo-nodes-2");
    for (const node of NODES) {
      for (const path of ["healthz", "readyz"]) {
        expect((await fetch(`http://127.0.0.1:${cluster.httpPort(node)}/${path}`)).status).toBe(200);
      }
      const metrics = await (await fetch(`http://127.0.0.1:${cluster.httpPort(node)}/metrics`)).text();
      expect(metrics).toContain("pika_node_");
    }
  });

  test("a node that is killed comes back and catches up; the others serve their slots meanwhile", async () => {
    const redis = client(0);
    const before = Array.from({ length: 40 }, (_, i) => `kill:${i}`);
    for (const key of before) await redis.set(key, "before");
    const pid = cluster.pidOf("node-1") as number;
    process.kill(pid, "SIGKILL");
    await eventually(
      async () => cluster.pidOf("node-1"),
      (now) => now !== undefined && now !== pid,
    );
    await eventually(
      async () => JSON.parse((await cluster.status("-o", "json")).stdout) as { status: { isReady: boolean } },
      (told) => told.status.isReady,
      60_000,
    );
    for (const node of NODES) {
      const values = await client(node).mget(before);
      expect(values).toEqual(before.map(() => "before"));
    }
  }, 120_000);

  test("clients notice nothing while the manager is away", async () => {
    const pid = cluster.pidOf("manager-0") as number;
    process.kill(pid, "SIGSTOP");
    try {
      for (const node of NODES) {
        const redis = client(node);
        for (let i = 0; i < 30; i++) expect(await redis.set(`away:${i}`, node)).toBe("OK");
      }
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  test("apply adds a node and a table; existing data stay where they are, and that is said", async () => {
    const file = cluster.write(
      "more.yaml",
      `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: demo}
spec: {nodes: {replicas: 4}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: demo}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: wide}
spec: {clusterRef: {name: demo}, slots: 8, replicas: 4}
`,
    );
    const applied = await cluster.apply(file);
    expect(applied).toMatchObject({ code: 0 });
    expect(applied.stdout).toContain("the data of existing tables stay where they are");
    expect(applied.stdout).toContain("table orders is not in the manifests: it is kept");
    const wide = client(3, { username: "wide", password: "" });
    expect(await client(3).get("cli:0")).toBe("x");
    wide.disconnect();
  }, 120_000);

  test("a second up, a bad manifest and fewer nodes are refused with the reason", async () => {
    expect((await cluster.up(QUICKSTART)).stderr).toContain("already runs");
    const fewer = await cluster.apply(QUICKSTART);
    expect(fewer.code).toBe(1);
    expect(fewer.stderr).toContain("4 → 3 is not supported");
    const bad = cluster.write(
      "bad.yaml",
      "apiVersion: pika.io/v1alpha1\nkind: PikaCluster\nmetadata: {name: demo}\nspec:\n  nodes: {replicas: x}\n",
    );
    expect((await cluster.apply(bad)).stderr).toContain("bad.yaml:5:21: spec.nodes.replicas");
  });
});
