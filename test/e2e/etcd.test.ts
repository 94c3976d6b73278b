/** Three managers on a real etcd: the leading one dies, hangs, all of them go away; clients notice nothing. */

import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Etcd, hasEtcd, startEtcd } from "../support/etcd.ts";
import { ListWriter } from "../support/list-writers.ts";
import { LocalClusterProcess, ROOT } from "../support/local-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const QUICKSTART = join(ROOT, "examples/quickstart.yaml");
const MANAGERS = [0, 1, 2];

describe.skipIf(!hasEtcd())("three managers on etcd", () => {
  let etcd: Etcd;
  let cluster: LocalClusterProcess;
  const writers: ListWriter[] = [];

  beforeAll(async () => {
    etcd = await startEtcd();
    cluster = await LocalClusterProcess.create("demo", 3);
    expect(await cluster.up(QUICKSTART, ["--etcd", etcd.url])).toMatchObject({ code: 0 });
    for (const node of [0, 1, 2]) {
      writers.push(new ListWriter({ name: `w${node}`, port: cluster.clientPort(node), pauseMs: 1 }));
    }
  }, 120_000);

  afterAll(async () => {
    for (const writer of writers) writer.close();
    await cluster?.remove();
    await etcd?.stop();
  }, 60_000);

  /** The manager that says of itself that it leads, and the managers that it knows. */
  /** `id` is another after each start: a manager that was killed may come back soon enough to win again. */
  async function leading(): Promise<{ id: string; index: number; count: number }> {
    return await waitFor(
      async () => {
        const { leader, managers } = await cluster.ask();
        const index = Number(new URL(leader.url).port) - cluster.portBase;
        return { id: leader.id, index, count: managers.length };
      },
      { timeoutMs: 30_000, what: "a leading manager" },
    );
  }

  function tableManifest(name: string): string {
    return cluster.write(
      `${name}.yaml`,
      `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: demo}
spec: {nodes: {replicas: 3}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: demo}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: ${name}}
spec: {clusterRef: {name: demo}, slots: 4, replicas: 2}
`,
    );
  }

  async function applyTable(name: string): Promise<void> {
    expect(await cluster.apply(tableManifest(name))).toMatchObject({ code: 0, stderr: "" });
    const redis = new Redis({ host: "127.0.0.1", port: cluster.clientPort(1), username: name, password: "" });
    expect(await redis.set("k", name)).toBe("OK");
    redis.disconnect();
  }

  async function expectNothingNoticed(): Promise<void> {
    for (const writer of writers) {
      await writer.advanced(50);
      await writer.stop();
      expect({ refused: [...writer.refusals], unknown: writer.unknownCount }).toEqual({ refused: [], unknown: 0 });
      expect(await writer.faults(cluster.clientPort(0))).toEqual([]);
    }
  }

  const pauses = () => writers.map(({ longestPauseMs }) => `${Math.round(longestPauseMs)} ms`).join(", ");

  test("the leading manager is killed: another takes over, tables can be made, clients notice nothing", async ({
    annotate,
  }) => {
    const before = await leading();
    expect(before.count).toBe(3);
    for (const writer of writers) writer.start();
    const startMs = performance.now();
    process.kill(cluster.pidOf(`manager-${before.index}`) as number, "SIGKILL");
    const after = await waitFor(
      async () => {
        const now = await leading();
        return now.id === before.id ? undefined : now;
      },
      { timeoutMs: 30_000, what: "another leading manager" },
    );
    await annotate(`another manager leads after ${Math.round(performance.now() - startMs)} ms`);
    expect(after.count).toBeGreaterThanOrEqual(2);
    await applyTable("second");
    await expectNothingNoticed();
    await annotate(`longest pauses of the writers: ${pauses()}`);
  }, 90_000);

  test("a leader that hangs past its lease has no say any more when it goes on", async () => {
    const before = await leading();
    for (const writer of writers) writer.start();
    const pid = cluster.pidOf(`manager-${before.index}`) as number;
    process.kill(pid, "SIGSTOP");
    let after: { index: number };
    try {
      after = await waitFor(
        async () => {
          const now = await leading();
          return now.index === before.index ? undefined : now;
        },
        { timeoutMs: 30_000, what: "another leading manager" },
      );
      await applyTable("third");
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await waitFor(() => cluster.log(`manager-${before.index}`).includes("leading no more"), {
      what: "the old leader to step down",
    });
    expect((await leading()).index).toBe(after.index);
    await applyTable("fourth");
    const { stdout } = await cluster.status();
    for (const table of ["second", "third", "fourth"]) expect(stdout).toContain(table);
    await expectNothingNoticed();
  }, 90_000);

  test("all managers are gone: clients notice nothing, also while etcd hangs; all heals when they are back", async () => {
    for (const writer of writers) writer.start();
    const pids = MANAGERS.map((index) => cluster.pidOf(`manager-${index}`) as number);
    await etcd.pause();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    try {
      for (const writer of writers) await writer.advanced(200);
    } finally {
      etcd.resume();
    }
    await leading();
    await expectNothingNoticed();
  }, 90_000);

  test("a node restarted while no manager is there leads again once the others promise it", async () => {
    const [own = ""] = await cluster.keysLedBy(1, 1);
    const [foreign = ""] = await cluster.keysLedBy(0, 1);
    const writer = writers[0] as ListWriter;
    const redis = new Redis({ host: "127.0.0.1", port: cluster.clientPort(0) });
    await redis.mset(own, "own", foreign, "foreign");
    writer.start();
    const restarted = new Redis({ host: "127.0.0.1", port: cluster.clientPort(1), lazyConnect: true });
    restarted.on("error", () => undefined);
    await etcd.pause();
    try {
      for (const index of MANAGERS) process.kill(cluster.pidOf(`manager-${index}`) as number, "SIGKILL");
      await cluster.kill("node-1");
      for (const asked of [restarted, redis]) {
        expect(await waitFor(() => asked.get(foreign), { timeoutMs: 30_000 })).toBe("foreign");
        expect(await waitFor(() => asked.get(own), { timeoutMs: 30_000 })).toBe("own");
        expect(await waitFor(() => asked.set(own, "own"), { timeoutMs: 30_000 })).toBe("OK");
      }
      await writer.advanced(50);
    } finally {
      etcd.resume();
    }
    restarted.disconnect();
    redis.disconnect();
    await cluster.ready();
    await writer.advanced(50);
    await writer.stop();
    expect(await writer.faults(cluster.clientPort(2))).toEqual([]);
  }, 90_000);
});

describe.skipIf(!hasEtcd())("a cluster that is started before its etcd answers", () => {
  test("says why it waits, also with -d, and comes up once etcd answers", async () => {
    const etcd = await startEtcd();
    const cluster = await LocalClusterProcess.create("demo", 3);
    try {
      await etcd.pause();
      const up = cluster.up(QUICKSTART, ["--etcd", etcd.url]);
      const reason = `etcd at ${etcd.url} does not answer`;
      await waitFor(() => cluster.record.message.includes(reason), { timeoutMs: 30_000, what: "the reason" });
      expect(cluster.record.phase).toBe("starting");
      const manager = `http://127.0.0.1:${cluster.portBase}`;
      expect((await fetch(`${manager}/healthz`)).status).toBe(200);
      // The one that told `up` may have been another manager: each finds out for itself.
      await waitFor(async () => (await (await fetch(`${manager}/readyz`)).text()).includes(reason), { what: "readyz" });
      etcd.resume();
      const { code, stdout, stderr } = await up;
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^waiting, for at most 10 minutes: .*${reason}`, "m"));
      expect(stdout).toContain("ready: cluster demo");
      expect(cluster.record).toMatchObject({ phase: "ready", message: "" });
    } finally {
      etcd.resume();
      await cluster.remove();
      await etcd.stop();
    }
  }, 120_000);
});
