import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Manager, ManagerOptions } from "../../../operator/manager/manager.ts";
import { type Etcd, hasEtcd, startEtcd } from "../../support/etcd.ts";
import {
  Playground,
  putClusterRequest,
  putTableRequest,
  type RunningManager,
  waitForLeader,
} from "../../support/managers.ts";
import { PausableClock, PausableStore } from "../../support/pausable.ts";
import { waitFor } from "../../support/wait-for.ts";

describe.runIf(hasEtcd())("three managers on one etcd", () => {
  const play = new Playground();
  let etcd: Etcd | undefined;
  let prefixCount = 0;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterEach(() => play.stop());
  afterAll(() => etcd?.stop());

  interface Member extends RunningManager {
    readonly clock: PausableClock;
    readonly pausable: PausableStore;
  }

  async function startThree(over: Partial<ManagerOptions> = {}): Promise<Member[]> {
    const prefix = `/pika/test/election-${prefixCount++}`;
    const members: Member[] = [];
    for (let i = 0; i < 3; i++) {
      const clock = new PausableClock();
      const pausable = new PausableStore(play.etcd(etcd?.url ?? "", clock));
      members.push({ ...(await play.manager(pausable, { prefix, clock, ...over })), clock, pausable });
    }
    return members;
  }

  const urlsOf = (members: readonly Member[]) => members.map(({ manager }) => manager.url);
  const managersOf = (members: readonly Member[]): Manager[] => members.map(({ manager }) => manager);
  const memberOf = (members: readonly Member[], manager: Manager): Member => {
    const member = members.find((candidate) => candidate.manager === manager);
    if (!member) throw new Error("the manager is one of the members");
    return member;
  };

  test("one leads, the others pass calls on to it", async () => {
    const members = await startThree();
    const leader = await waitForLeader(managersOf(members));
    expect(managersOf(members).filter(({ isLeading }) => isLeading)).toEqual([leader]);
    for (const manager of managersOf(members)) {
      const client = play.client([manager]);
      const status = await waitFor(() => client.status());
      expect(status.leader.url).toBe(leader.url);
      await waitFor(async () => (await client.status()).managers.length === 3);
    }
    const follower = managersOf(members).find((manager) => manager !== leader);
    const client = play.client(follower ? [follower] : []);
    await client.putTable("t", putTableRequest());
    await expect(client.putTable("t", { ...putTableRequest(), generation: 0 })).rejects.toMatchObject({
      code: "GenerationTooOld",
    });
  });

  test("another takes over from a leader that ends, nodes follow, and the epoch goes on", async () => {
    const members = await startThree();
    const client = play.client(managersOf(members));
    const leader = await waitForLeader(managersOf(members));
    await client.putCluster(putClusterRequest(2));
    await client.putTable("t", putTableRequest({ slots: 8 }));
    const nodes = [await play.node([leader.url], { name: "a" }), await play.node(urlsOf(members), { name: "b" })];
    const before = await waitFor(async () => {
      const status = await client.status();
      return status.isReady ? status : undefined;
    });
    await waitFor(() => nodes[0]?.agent.managers.length === 3);
    await leader.stop();
    const next = await waitForLeader(managersOf(members).filter((manager) => manager !== leader));
    const after = await waitFor(async () => {
      const status = await client.status();
      return status.isReady ? status : undefined;
    });
    expect(after.leader.url).toBe(next.url);
    expect(after.clusterId).toBe(before.clusterId);
    // A new manager gives no new terms to nodes that did not restart.
    expect(after.epoch).toBe(before.epoch);
    await client.putTable("u", putTableRequest({ slots: 2 }));
    for (const { agent } of nodes) await waitFor(() => agent.current()?.tables.size === 2);
  });

  test("a leader that was paused beyond its lease writes nothing any more", async () => {
    const members = await startThree();
    const leader = await waitForLeader(managersOf(members));
    const old = memberOf(members, leader);
    const oldClient = play.client([leader]);
    await oldClient.putTable("before", putTableRequest());
    old.clock.pause();
    old.pausable.pause();
    // It still believes that it leads, and decides on this; the transaction leaves after it was replaced.
    const late = oldClient.putTable("late", putTableRequest()).then(
      () => "committed",
      (error) => error.code,
    );
    await waitFor(() => old.pausable.waiting > 0);
    expect(leader.isLeading).toBe(true);
    const next = await waitForLeader(managersOf(members).filter((manager) => manager !== leader));
    const client = play.client([next]);
    await client.putTable("after", putTableRequest());
    old.pausable.resume();
    expect(await late).toMatch(/^(NoLeader|StoreUnavailable|ManagerUnavailable)$/);
    old.clock.resume();
    await waitFor(() => !leader.isLeading);
    expect((await client.tables()).map(({ name }) => name)).toEqual(["before", "after"]);
    // It is a follower now, and passes on.
    await waitFor(async () => (await oldClient.tables()).length === 2);
    expect(next.isLeading).toBe(true);
  });

  test("nodes go on by what they know when all managers end, also after a restart", async () => {
    const members = await startThree();
    const client = play.client(managersOf(members));
    await waitForLeader(managersOf(members));
    await client.putCluster(putClusterRequest(1));
    await client.putTable("t", putTableRequest({ slots: 8 }));
    const node = await play.node(urlsOf(members), { name: "a" });
    await waitFor(async () => (await client.status()).isReady);
    for (const { manager } of members) await manager.stop();
    const known = node.agent.current();
    expect(known?.assignments.size).toBe(1);
    await node.agent.stop();
    const again = await play.node(["http://127.0.0.1:1"], { ...node, name: "a" });
    expect(again.agent.current()?.epoch).toBe(known?.epoch);
    expect(again.agent.current()?.assignments).toEqual(known?.assignments);
    expect(again.agent.isConfirmed).toBe(false);
    expect(again.agent.grantedUntilMs).toBe(Number.NEGATIVE_INFINITY);
    // It learned where the managers were from what it persisted.
    expect(again.agent.managers).toEqual(expect.arrayContaining(urlsOf(members)));
  });

  test("the largest tables fit, through etcd and to the nodes", async () => {
    const members = await startThree({ leaseTtlMs: 5000, heartbeatMs: 500, grantMs: 2000 });
    const client = play.client(managersOf(members));
    await waitForLeader(managersOf(members));
    await client.putCluster(putClusterRequest(3));
    for (let i = 0; i < 2; i++) await client.putTable(`t${i}`, putTableRequest({ slots: 16384, replicas: 3 }));
    const nodes = [];
    for (const name of ["a", "b", "c"]) nodes.push(await play.node(urlsOf(members), { name }));
    for (const { agent } of nodes) await waitFor(() => agent.current()?.assignments.size === 2);
    const status = await waitFor(async () => {
      const now = await client.status();
      return now.isReady ? now : undefined;
    });
    expect(status.slots).toEqual({ total: 2 * 16384, withLeader: 2 * 16384, underReplicated: 0, lost: 0 });
  });

  test("an etcd that stands still is survived: the same cluster goes on", async () => {
    const members = await startThree();
    const client = play.client(managersOf(members));
    await waitForLeader(managersOf(members));
    await client.putTable("t", putTableRequest());
    const before = await client.cluster();
    await etcd?.pause();
    try {
      await waitFor(() => managersOf(members).every(({ isLeading }) => !isLeading), { what: "leases to run out" });
      await expect(client.status()).rejects.toMatchObject({ code: expect.stringMatching(/NoLeader|StoreUnavailable/) });
    } finally {
      etcd?.resume();
    }
    const after = await waitFor(() => client.cluster());
    expect(after.clusterId).toBe(before.clusterId);
    expect((await client.tables()).map(({ name }) => name)).toEqual(["t"]);
  });
});

test("a manager whose store is not there waits, and says that it is not ready", async () => {
  const play = new Playground();
  try {
    const { manager } = await play.manager(play.etcd("http://127.0.0.1:1"));
    const reason =
      /etcd at http:\/\/127\.0\.0\.1:1 does not answer: .*ECONNREFUSED 127\.0\.0\.1:1; see that it runs there/;
    const unready = await waitFor(async () => {
      const ready = await fetch(`${manager.url}/readyz`);
      const text = await ready.text();
      return text === "no manager leads\n" ? undefined : [ready.status, text];
    });
    expect(unready).toEqual([503, expect.stringMatching(reason)]);
    expect((await fetch(`${manager.url}/healthz`)).status).toBe(200);
    await expect(play.client([manager]).status()).rejects.toMatchObject({
      code: "StoreUnavailable",
      message: expect.stringMatching(reason),
    });
  } finally {
    await play.stop();
  }
});
