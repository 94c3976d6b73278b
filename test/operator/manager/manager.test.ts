import { afterEach, describe, expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import type { MetadataStore } from "../../../operator/manager/store/metadata-store.ts";
import { Playground, putClusterRequest, putTableRequest, waitForLeader } from "../../support/managers.ts";
import { waitFor } from "../../support/wait-for.ts";

const play = new Playground();
afterEach(() => play.stop());

describe("one manager on the embedded store", () => {
  test("makes a cluster: nodes register, a table is placed and everything becomes ready", async () => {
    const { manager } = await play.manager(await play.embedded());
    await waitForLeader([manager]);
    const client = play.client([manager]);
    await client.putCluster(putClusterRequest(3));
    await client.putTable("default", putTableRequest());
    expect((await client.table("default")).notes).toEqual(["waits for nodes: none of 3 has registered"]);
    const nodes = [];
    for (let i = 0; i < 3; i++) nodes.push(await play.node([manager.url], { name: `demo-nodes-${i}` }));
    const status = await waitFor(async () => {
      const now = await client.status();
      return now.isReady ? now : undefined;
    });
    expect(status).toMatchObject({
      nodes: { desired: 3, registered: 3, alive: 3, ready: 3 },
      tables: { total: 1, ready: 1 },
      slots: { total: 64, withLeader: 64, underReplicated: 0, lost: 0 },
      notes: [],
    });
    const listed = await client.nodes();
    expect(listed.map(({ name, replicas }) => [name, replicas])).toHaveLength(3);
    expect(listed.reduce((sum, { leads }) => sum + leads, 0)).toBe(64);
    for (const { agent, nodeId, clusterId } of nodes) {
      const topology = agent.current();
      expect(topology?.clusterId).toBe(clusterId);
      expect([...(topology?.tables.values() ?? [])].find(({ name }) => name === "default")?.replicas).toBe(2);
      expect(topology?.nodes.get(nodeId)?.name).toMatch(/^demo-nodes-/);
      expect(agent.grantedUntilMs).toBeGreaterThan(0);
      expect(agent.isConfirmed).toBe(true);
    }
    expect(await client.restartSafety("demo-nodes-0")).toMatchObject({ isSafe: true });
    const metrics = await (await fetch(`${manager.url}/metrics`)).text();
    expect(metrics).toContain("pika_manager_slots_led_count 64\n");
    expect(metrics).toContain("pika_manager_nodes_alive_count 3\n");
  });

  test("gives a restarted node new terms for what it leads, once per start", async () => {
    const { manager } = await play.manager(await play.embedded());
    const client = play.client([manager]);
    await waitForLeader([manager]);
    await client.putCluster(putClusterRequest(1));
    await client.putTable("default", putTableRequest({ slots: 4 }));
    const first = await play.node([manager.url], { name: "n" });
    const slotsOf = (node: typeof first) => [...(node.agent.current()?.assignments.values() ?? [])][0];
    await waitFor(() => slotsOf(first));
    expect(slotsOf(first)?.map(({ term }) => term)).toEqual([1, 1, 1, 1]);
    await first.agent.stop();
    const replica = slotsOf(first)?.[2]?.replicas[0]?.id;
    if (replica === undefined) throw new Error("slot 2 has a replica");
    // While managers were away the node raised the term of slot 2 by itself.
    const again = await play.node([manager.url], { ...first, name: "n", positions: () => [[replica, 7, 5, 0]] });
    await waitFor(() => again.agent.isConfirmed);
    expect(slotsOf(again)?.map(({ term }) => term)).toEqual([2, 2, 8, 2]);
  });

  test("takes a known name with an empty disk as a new node, and reports what is lost", async () => {
    const { manager } = await play.manager(await play.embedded());
    const client = play.client([manager]);
    await waitForLeader([manager]);
    await client.putCluster(putClusterRequest(2));
    await client.putTable("two", putTableRequest({ slots: 8, replicas: 2 }));
    await client.putTable("one", putTableRequest({ slots: 8, replicas: 1 }));
    const old = await play.node([manager.url], { name: "a" });
    await play.node([manager.url], { name: "b" });
    await waitFor(async () => (await client.status()).isReady);
    const twin = await play.node([manager.url], { name: "a" });
    await waitFor(async () => (await client.nodes()).filter(({ name }) => name === "a").length === 1);
    expect(twin.agent.isConfirmed).toBe(false);
    await old.agent.stop();
    await waitFor(() => twin.agent.isConfirmed);
    const two = await waitFor(async () => {
      const table = await client.table("two");
      return table.isReady ? table : undefined;
    });
    expect(two.slots).toEqual({ total: 8, withLeader: 8, underReplicated: 0, lost: 0 });
    const one = await client.table("one");
    expect(one.slots).toMatchObject({ total: 8, withLeader: 4, lost: 4 });
    expect(one.notes.join()).toContain("4 slots have no replica left");
    // The old disk turns up again: its id is no member any more.
    const back = await play.node([manager.url], { ...old, name: "a" });
    await waitFor(() => back.fatal[0]);
    expect(back.fatal[0]?.code).toBe("NodeRetired");
  });

  test("adds followers when more replicas are wanted, and new nodes take them", async () => {
    const { manager } = await play.manager(await play.embedded());
    const client = play.client([manager]);
    await waitForLeader([manager]);
    await client.putCluster(putClusterRequest(1));
    await client.putTable("t", putTableRequest({ slots: 8, replicas: 1 }));
    await play.node([manager.url], { name: "a" });
    await waitFor(async () => (await client.status()).isReady);
    await client.putCluster({ ...putClusterRequest(2), generation: 2 });
    await play.node([manager.url], { name: "b" });
    await waitFor(async () => (await client.status()).isReady);
    expect((await client.table("t")).notes.join()).toContain("existing data is not moved");
    await client.putTable("t", { ...putTableRequest({ slots: 8, replicas: 2 }), generation: 2 });
    await waitFor(async () => (await client.status()).isReady);
    expect((await client.nodes()).map(({ name, leads, replicas }) => [name, leads, replicas])).toEqual([
      ["a", 8, 8],
      ["b", 0, 8],
    ]);
    await client.deleteTable("t", { owner: "test", generation: 3 });
    await expect(client.table("t")).rejects.toMatchObject({ code: "NotFound" });
  });

  test("goes on with the same cluster after a restart, and refuses another's metadata", async () => {
    const directory = await play.path("metadata");
    const first = await play.manager(await play.embedded(directory));
    await waitForLeader([first.manager]);
    const client = play.client([first.manager]);
    await client.putTable("t", putTableRequest());
    const before = await client.cluster();
    await first.manager.stop();
    await first.store.close();
    const store = await play.embedded(directory);
    const second = await play.manager(store, { clusterId: before.clusterId });
    await waitForLeader([second.manager]);
    const again = play.client([second.manager]);
    expect(await again.cluster()).toEqual(before);
    expect((await again.tables()).map(({ name }) => name)).toEqual(["t"]);
    const other = "f".repeat(32);
    await expect(play.manager(store, { clusterId: other })).rejects.toMatchObject({ code: "WrongCluster" });
    await expect(play.manager(store, { clusterId: other, prefix: "/pika/x/y" })).rejects.toMatchObject({
      code: "MetadataLost",
    });
  });

  test("refuses nodes with the wrong secret or of another cluster", async () => {
    const { manager } = await play.manager(await play.embedded());
    await waitForLeader([manager]);
    const stranger = await play.node([manager.url], { name: "stranger", clusterId: "e".repeat(32) as never });
    await waitFor(() => stranger.fatal[0]);
    expect(stranger.fatal[0]?.code).toBe("WrongCluster");
    await expect(play.client([manager], "wrong").status()).rejects.toMatchObject({ code: "ManagerUnproven" });
    const liar = await play.node([manager.url], { name: "liar", secret: "wrong" });
    const client = play.client([manager]);
    const friend = await play.node([manager.url], { name: "friend" });
    await waitFor(() => friend.agent.current());
    expect((await client.nodes()).map(({ name }) => name)).toEqual(["friend"]);
    expect(liar.agent.current()).toBeUndefined();
  });

  test("answers several first questions of a client at once, and a URL with a slash at its end", async () => {
    const { manager } = await play.manager(await play.embedded());
    await waitForLeader([manager]);
    const client = play.client([{ url: `${manager.url}/` }]);
    const [status, nodes, tables] = await Promise.all([client.status(), client.nodes(), client.tables()]);
    expect([status.nodes.registered, nodes.length, tables.length]).toEqual([0, 0, 0]);
  });

  test("a port in use is a clear error", async () => {
    const { manager } = await play.manager(await play.embedded());
    const port = Number(new URL(manager.url).port);
    await expect(play.manager(await play.embedded(), { port })).rejects.toMatchObject({
      code: "ListenFailed",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});

const OURS = "a".repeat(32);
const THEIRS = "b".repeat(32);

/** The store, whose every call fails while `isAway`. */
function unreliable(store: MetadataStore) {
  const weather = { isAway: true };
  const proxy = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (!weather.isAway || name === "close" || name === "watch") return Reflect.apply(member, target, args);
        return Promise.reject(new OperatingError("StoreUnavailable", "etcd at http://there:2379 does not answer"));
      };
    },
  });
  return { store: proxy, weather };
}

async function readiness(url: string): Promise<{ status: number; text: string }> {
  const reply = await fetch(`${url}/readyz`);
  return { status: reply.status, text: await reply.text() };
}

describe("a manager that is told its cluster's id", () => {
  test.each(["clusterId", "newClusterId"] as const)("starts without its store and says so, %s", async (option) => {
    const directory = await play.path("metadata");
    const first = await play.manager(await play.embedded(directory), { newClusterId: OURS });
    await waitForLeader([first.manager]);
    await first.manager.stop();
    const { store, weather } = unreliable(first.store);
    const { manager, fatal } = await play.manager(store, { [option]: OURS });
    expect((await fetch(`${manager.url}/healthz`)).status).toBe(200);
    const away = await readiness(manager.url);
    expect(away.status).toBe(503);
    expect(away.text).toContain("etcd at http://there:2379 does not answer");
    const nobody = { url: "http://127.0.0.1:1" };
    await expect(play.client([manager, nobody]).status()).rejects.toMatchObject({
      code: "StoreUnavailable",
      message: expect.stringContaining("etcd at http://there:2379 does not answer"),
    });
    weather.isAway = false;
    await waitForLeader([manager]);
    expect(await readiness(manager.url)).toEqual({ status: 200, text: "ok\n" });
    expect(manager.clusterId).toBe(OURS);
    expect(fatal).toEqual([]);
  });

  test("ends when the store that answers at last is another cluster's, and never leads there", async () => {
    const inner = await play.embedded();
    const owner = await play.manager(inner, { newClusterId: THEIRS });
    await waitForLeader([owner.manager]);
    await owner.manager.stop();
    const { store, weather } = unreliable(inner);
    const { manager, fatal } = await play.manager(store, { clusterId: OURS });
    weather.isAway = false;
    await waitFor(() => fatal[0]);
    expect(fatal[0]).toMatchObject({ code: "WrongCluster", message: expect.stringContaining(THEIRS) });
    expect(manager.isLeading).toBe(false);
    expect((await inner.list("/pika/test/demo/")).entries.filter(({ key }) => key.includes("manager"))).toEqual([]);
  });

  test("stops while it still waits for its store", async () => {
    const { store } = unreliable(await play.embedded());
    const { manager, fatal } = await play.manager(store, { clusterId: OURS });
    await manager.stop();
    expect(fatal).toEqual([]);
    await expect(fetch(`${manager.url}/healthz`)).rejects.toThrow();
  });

  test("makes a new cluster by that id where there is none, and refuses any other", async () => {
    const store = await play.embedded();
    const { manager } = await play.manager(store, { newClusterId: OURS });
    await waitForLeader([manager]);
    expect((await play.client([manager]).cluster()).clusterId).toBe(OURS);
    const again = await play.manager(store, { newClusterId: OURS });
    expect(again.fatal).toEqual([]);
    await expect(play.manager(store, { newClusterId: THEIRS })).rejects.toMatchObject({ code: "WrongCluster" });
    expect((await play.client([manager]).cluster()).clusterId).toBe(OURS);
  });

  test("refuses an id that is none", async () => {
    const store = await play.embedded();
    await expect(play.manager(store, { newClusterId: "x" })).rejects.toMatchObject({
      message: expect.stringContaining("newClusterId is x"),
    });
  });
});
