import { readFile, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Playground, putClusterRequest, putTableRequest, waitForLeader } from "../../support/managers.ts";
import { waitFor } from "../../support/wait-for.ts";

const play = new Playground();
afterEach(() => play.stop());

async function startCluster() {
  const running = await play.manager(await play.embedded());
  await waitForLeader([running.manager]);
  const client = play.client([running.manager]);
  await client.putCluster(putClusterRequest(1));
  await client.putTable("t", putTableRequest({ slots: 4 }));
  return { ...running, client };
}

/** Answers every request the same way, without any proof. */
async function startImpostor(status: number, body: object): Promise<{ url: string; server: Server; calls: string[] }> {
  const calls: string[] = [];
  const server = createServer((incoming, outgoing) => {
    calls.push(incoming.url ?? "");
    outgoing.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  play.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, calls };
}

/** Stands between nodes and a manager on `targetPort`; on demand it swallows the answer to one long poll. */
async function startProxy(targetPort: number): Promise<{ url: string; swallowPoll: () => void }> {
  let isSwallowing = false;
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const passed = request({ host: "127.0.0.1", port: targetPort, method, path, headers }, (reply) => {
      if (isSwallowing && path?.includes("waitMs") === true) {
        isSwallowing = false;
        reply.resume();
        return;
      }
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  play.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const swallowPoll = () => {
    isSwallowing = true;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, swallowPoll };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("the manager's agent", () => {
  test("a poll that hangs does not keep it from a topology that heartbeats tell of", async () => {
    const port = await freePort();
    const proxy = await startProxy(port);
    const { manager } = await play.manager(await play.embedded(), { port, announceUrl: proxy.url });
    await waitForLeader([manager]);
    const client = play.client([manager]);
    await client.putCluster(putClusterRequest(1));
    const node = await play.node([proxy.url]);
    await waitFor(() => node.agent.isConfirmed);
    proxy.swallowPoll();
    await client.putTable("t", putTableRequest({ slots: 4 }));
    await waitFor(() => node.agent.current()?.tables.size === 1, { timeoutMs: 5000, what: "the new table" });
  });

  test("finds a manager among addresses that are dead or not what they say", async () => {
    const { manager } = await startCluster();
    const impostor = await startImpostor(200, {
      clusterId: "f".repeat(32),
      epoch: 99,
      state: "active",
      heartbeatMs: 10,
      managers: [],
      leaderUrl: "http://x:1",
    });
    const node = await play.node(["http://127.0.0.1:1", impostor.url, manager.url]);
    await waitFor(() => node.agent.isConfirmed);
    expect(node.agent.current()?.clusterId).toBe(node.clusterId);
    expect(node.agent.current()?.epoch).not.toBe(99);
  });

  test("an impostor that says that the node is retired or of another cluster is not believed", async () => {
    for (const body of [
      { error: { code: "WrongCluster", message: "no" } },
      { error: { code: "ProtocolVersion", message: "no" } },
    ]) {
      const impostor = await startImpostor(409, body);
      const node = await play.node([impostor.url]);
      await waitFor(() => impostor.calls.length >= 3, { what: "the node to have tried again" });
      expect(node.fatal).toEqual([]);
      expect(node.agent.isConfirmed).toBe(false);
    }
  });

  test("tells each change once it is current, and nobody who does not listen any more", async () => {
    const { manager, client } = await startCluster();
    const node = await play.node([manager.url]);
    await waitFor(() => node.agent.isConfirmed);
    const seen: number[] = [];
    const stop = node.agent.onChange(() => seen.push(node.agent.current()?.tables.size ?? -1));
    await client.putTable("u", putTableRequest({ slots: 2 }));
    await waitFor(() => seen.includes(2));
    stop();
    const count = seen.length;
    await client.putTable("v", putTableRequest({ slots: 2 }));
    await waitFor(() => node.agent.current()?.tables.size === 3);
    expect(seen).toHaveLength(count);
  });

  test("keeps the last topology in the data directory, and does without where that is broken", async () => {
    const { manager } = await startCluster();
    const node = await play.node([manager.url], { name: "n" });
    await waitFor(() => node.agent.current()?.assignments.size === 1);
    await node.agent.stop();
    const path = join(node.directory, "topology.json");
    const persisted = JSON.parse(await readFile(path, "utf8"));
    expect(persisted).toMatchObject({
      schema: "topology",
      clusterId: node.clusterId,
      epoch: node.agent.current()?.epoch,
    });
    expect(persisted.managers).toContain(manager.url);
    await writeFile(path, "torn");
    const again = await play.node([manager.url], { ...node, name: "n" });
    await waitFor(() => again.agent.isConfirmed);
    expect(again.agent.current()?.assignments.size).toBe(1);
  });

  test("a grant is counted from before the request was sent, and is renewed", async () => {
    const { manager } = await startCluster();
    const node = await play.node([manager.url]);
    const first = await waitFor(() => (node.agent.grantedUntilMs > 0 ? node.agent.grantedUntilMs : undefined));
    expect(first).toBeLessThan(performance.now() + 300);
    await waitFor(() => node.agent.grantedUntilMs > first);
    await manager.stop();
    await waitFor(() => performance.now() > node.agent.grantedUntilMs, { what: "the grant to run out" });
  });

  test("a store that lost the node makes it register again", async () => {
    const { manager, store } = await startCluster();
    const node = await play.node([manager.url], { name: "n" });
    await waitFor(() => node.agent.isConfirmed);
    await manager.stop();
    // As after restoring metadata of before the node's first start.
    await store.commit({ compares: [], writes: [{ kind: "delete", key: `/pika/test/demo/nodes/${node.nodeId}` }] });
    const port = Number(new URL(manager.url).port);
    const next = await play.manager(store, { port });
    await waitForLeader([next.manager]);
    const client = play.client([next.manager]);
    await waitFor(async () => (await client.nodes()).some(({ id, isAlive }) => id === node.nodeId && isAlive));
  });
});
