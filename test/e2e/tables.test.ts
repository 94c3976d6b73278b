/** Tables as their users see them: the administrator, passwords that change, redirect routing. */

import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalClusterProcess } from "../support/local-cluster.ts";

const manifest = (ordersPassword: string) => `
apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: tables}
spec:
  nodes: {replicas: 2}
  auth: {adminSecretRef: {name: passwords, key: admin}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: tables}, slots: 4}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: orders}
spec: {clusterRef: {name: tables}, slots: 4, passwordSecretRef: {name: passwords, key: orders}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: smart}
spec: {clusterRef: {name: tables}, slots: 16, replicas: 1, clientRouting: Redirect}
---
apiVersion: v1
kind: Secret
metadata: {name: passwords}
stringData: {admin: admin-secret, orders: ${ordersPassword}}
`;

let cluster: LocalClusterProcess;
const open: { disconnect(): void }[] = [];

function client(node: number, options: { username?: string; password?: string } = {}): Redis {
  const redis = new Redis({ port: cluster.clientPort(node), host: "127.0.0.1", retryStrategy: () => null, ...options });
  redis.on("error", () => {});
  open.push(redis);
  return redis;
}

const failure = (reply: Promise<unknown>) => reply.then(String, (error: Error) => error.message);

beforeAll(async () => {
  cluster = await LocalClusterProcess.create("tables", 2);
  expect(await cluster.up(cluster.write("tables.yaml", manifest("first")))).toMatchObject({ code: 0 });
}, 120_000);

afterAll(async () => {
  for (const one of open) one.disconnect();
  await cluster.remove();
}, 60_000);

describe("tables", () => {
  test("administration wants the admin user once it has a password", async () => {
    for (const redis of [client(0), client(0, { username: "orders", password: "first" })]) {
      expect(await failure(redis.config("SET", "slowlog-log-slower-than", "5"))).toMatch(/^NOPERM/);
      expect(await failure(redis.call("SELECT", "smart"))).toBe("OK");
    }
    const admin = client(0, { username: "admin", password: "admin-secret" });
    expect(await admin.config("SET", "slowlog-log-slower-than", "10000")).toBe("OK");
    expect(await failure(client(0).call("SELECT", "orders"))).toMatch(/^(NOPERM|WRONGPASS|ERR)/);
    expect(await failure(client(0).call("AUTH", "admin", "wrong"))).toMatch(/^WRONGPASS/);
  });

  test("a changed Secret changes what new connections must say; open ones go on", async () => {
    const before = client(1, { username: "orders", password: "first" });
    expect(await before.set("k", "v")).toBe("OK");
    expect(await cluster.apply(cluster.write("second.yaml", manifest("second")))).toMatchObject({ code: 0 });
    expect(await before.get("k")).toBe("v");
    for (const node of [0, 1]) {
      expect(await failure(client(node).call("AUTH", "orders", "first"))).toMatch(/^WRONGPASS/);
      expect(await client(node, { username: "orders", password: "second" }).get("k")).toBe("v");
    }
  });

  test("a redirecting table sends clients to the leader", async () => {
    const plain = [client(0), client(1)];
    for (const redis of plain) expect(await redis.call("SELECT", "smart")).toBe("OK");
    let movedCount = 0;
    for (let i = 0; i < 20; i++) {
      const replies = await Promise.all(plain.map((redis) => failure(redis.set(`moved:${i}`, "x"))));
      expect(replies.filter((reply) => reply === "OK")).toHaveLength(1);
      movedCount += replies.filter((reply) => /^MOVED \d+ 127\.0\.0\.1:\d+$/.test(reply)).length;
    }
    expect(movedCount).toBe(20);
  });

  test("a smart client works on a redirecting table", async () => {
    const smart = new Cluster([{ host: "127.0.0.1", port: cluster.clientPort(0) }], {
      redisOptions: { username: "smart", password: "any" },
    });
    open.push(smart);
    for (let i = 0; i < 30; i++) expect(await smart.set(`smart:${i}`, `${i}`)).toBe("OK");
    for (let i = 0; i < 30; i++) expect(await smart.get(`smart:${i}`)).toBe(`${i}`);
  });
});
