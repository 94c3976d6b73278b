import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster, Redis } from "ioredis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { silentLogger } from "../../node/base/log.ts";
import { readOptions } from "../../node/base/options.ts";
import { createNode, type RunningNode } from "../../node/node.ts";
import { nodeOptions } from "../../node/node-options.ts";
import { Playground, putClusterRequest, putTableRequest, SECRET, waitForLeader } from "../support/managers.ts";
import { waitFor } from "../support/wait-for.ts";

let directory: string;
let node: RunningNode | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "pika-node-"));
});
afterEach(async () => {
  await node?.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(values: Record<string, string> = {}): Promise<RunningNode> {
  const own = { host: "127.0.0.1", port: "0", peerPort: "0", httpPort: "0", dataDir: directory, ...values };
  const options = readOptions(nodeOptions, [{ describe: (option) => option, values: own }]);
  node = createNode(options, { log: silentLogger, onStop: () => {} });
  await node.start();
  return node;
}

/** What managers are told must be known before it is listened on. */
async function freePort(): Promise<string> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return String(port);
}

it("serves, stops in order, and has its data after the next start", async () => {
  let running = await start();
  let redis = new Redis({ port: running.clientPort, host: "127.0.0.1", retryStrategy: () => null });
  await redis.mset({ a: "1", b: "2", c: "3" });
  expect(await redis.dbsize()).toBe(3);
  expect((await fetch(`http://127.0.0.1:${running.httpPort}/readyz`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${running.httpPort}/nope`)).status).toBe(404);
  const metrics = await (await fetch(`http://127.0.0.1:${running.httpPort}/metrics`)).text();
  expect(metrics).toMatch(/^pika_node_replicas_leading 64$/m);
  redis.disconnect();
  await running.stop();
  await running.stop();
  running = await start();
  redis = new Redis({ port: running.clientPort, host: "127.0.0.1", retryStrategy: () => null });
  expect(await redis.mget("a", "b", "c")).toEqual(["1", "2", "3"]);
  redis.disconnect();
});

it("tells smart clients the address that it listens on, the machine's name for a wildcard, or what it is given", async () => {
  const announcedBy = async (values: Record<string, string>) => {
    const port = await freePort();
    const running = await start({ port, ...values });
    const cluster = new Cluster([{ host: "127.0.0.1", port: Number(port) }], { clusterRetryStrategy: () => null });
    cluster.on("error", () => undefined);
    const redis = new Redis({ port: Number(port), host: "127.0.0.1", retryStrategy: () => null });
    const slots = (await redis.cluster("SLOTS")) as unknown as [number, number, [string, number]][];
    if (values.host === "127.0.0.1") expect(await cluster.set("a", "1")).toBe("OK");
    cluster.disconnect();
    redis.disconnect();
    await running.stop();
    return slots[0]?.[2][0];
  };
  expect(await announcedBy({ host: "127.0.0.1" })).toBe("127.0.0.1");
  expect(await announcedBy({ host: "0.0.0.0" })).toBe(hostname());
  expect(await announcedBy({ host: "0.0.0.0", announceHost: "a.example" })).toBe("a.example");
});

it("INFO tells the truth of each section", async () => {
  const running = await start({ fsync: "always" });
  const redis = new Redis({ port: running.clientPort, host: "127.0.0.1", retryStrategy: () => null });
  await redis.set("a", "1");
  await redis.call("NOSUCH").catch(() => undefined);
  await redis.hget("a", "f").catch(() => undefined);
  const everything = await redis.info("everything");
  for (const line of [
    "redis_version:7.0",
    "pika_version:0.0.0",
    "role:master",
    "connected_slaves:0",
    "binlog_segments:1",
  ]) {
    expect(everything).toContain(line);
  }
  expect(everything).toMatch(/^cmdstat_set:calls=1,/m);
  expect(everything).toMatch(/^errorstat_ERR:count=1\r\nerrorstat_WRONGTYPE:count=1\r$/m);
  expect(everything).toMatch(/^total_error_replies:2\r$/m);
  expect(everything).toMatch(/^db0:keys=1,/m);
  expect(await redis.info()).not.toContain("cmdstat_");
  expect((await redis.info("all")).match(/^# /gm)?.length).toBe(everything.match(/^# /gm)?.length);
  await redis.config("RESETSTAT");
  expect(await redis.info("errorstats")).not.toContain("count=");
  redis.disconnect();
});

it("collects expired keys by itself and counts them in INFO", async () => {
  const running = await start();
  const redis = new Redis({ port: running.clientPort, host: "127.0.0.1", retryStrategy: () => null });
  const isCounted = async () => (await redis.info("stats")).includes("expired_keys:1\r\n");
  expect(await isCounted()).toBe(false);
  await redis.set("k", "v", "PX", 1);
  await waitFor(isCounted);
  expect(await redis.dbsize()).toBe(0);
  redis.disconnect();
});

it("says which port is taken, and lets go of the data directory", async () => {
  const first = await start();
  const port = String(first.clientPort);
  const other = await mkdtemp(join(tmpdir(), "pika-node-"));
  await expect(start({ dataDir: other, port })).rejects.toMatchObject({ code: "ListenFailed" });
  const second = await start({ dataDir: other });
  await second.stop();
  await rm(other, { recursive: true, force: true });
  await first.stop();
});

it("refuses a data directory that is in use, and managers without a secret", async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(/use/);
  await first.stop();
  await expect(start({ managers: "http://127.0.0.1:1" })).rejects.toMatchObject({ code: "InvalidOption" });
});

it("says what it waits for, joins once a manager is there, and gives a start up when it is to stop", async () => {
  const play = new Playground();
  const { manager } = await play.manager(await play.embedded());
  await waitForLeader([manager]);
  const secretFile = join(directory, "secret");
  await writeFile(secretFile, SECRET);
  const stopping = new AbortController();
  const [port, peerPort] = [await freePort(), await freePort()];
  const values = { host: "127.0.0.1", port, peerPort, httpPort: "0", dataDir: join(directory, "data") };
  const options = (managers: string) =>
    readOptions(nodeOptions, [{ describe: (name) => name, values: { ...values, managers, secretFile } }]);
  const deps = { log: silentLogger, onStop: () => {}, signal: stopping.signal };
  const waiting = createNode(options("http://127.0.0.1:1"), deps);
  const started = waiting.start();
  const failed = expect(started).rejects.toMatchObject({ code: "Stopping" });
  const readyz = async (one: RunningNode) => fetch(`http://127.0.0.1:${one.httpPort}/readyz`);
  await waitFor(async () => /waiting for a manager/.test(await (await readyz(waiting)).text()));
  expect((await readyz(waiting)).status).toBe(503);
  stopping.abort();
  await failed;
  await waiting.stop();
  const client = play.client([manager]);
  await client.putCluster(putClusterRequest(1));
  await client.putTable("default", putTableRequest({ slots: 4, replicas: 1 }));
  node = createNode(options(manager.url), { log: silentLogger, onStop: () => {} });
  await node.start();
  expect(await (await readyz(node)).text()).toBe("ok\n");
  await node.stop();
  node = createNode(options(manager.url), { log: silentLogger, onStop: () => {} });
  await node.start();
  const redis = new Redis({ port: node.clientPort, host: "127.0.0.1", retryStrategy: () => null });
  expect(await redis.set("a", "1")).toBe("OK");
  redis.disconnect();
  await node.stop();
  await play.stop();
});
