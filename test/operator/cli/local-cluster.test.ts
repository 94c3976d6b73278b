import { describe, expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import type { StatusReply } from "../../../node/meta/manager-api.ts";
import { LocalCluster, type ManagerPort } from "../../../operator/cli/local-cluster.ts";
import type { LocalPlan } from "../../../operator/cli/local-plan.ts";
import { Supervisor } from "../../../operator/cli/supervisor.ts";
import { settle, VirtualClock } from "../../support/virtual-clock.ts";

const plan: LocalPlan = {
  cluster: "demo",
  nodes: [],
  managerPorts: [9200],
  config: {},
  tables: [{ name: "orders", slots: 4, replicas: 1, clientRouting: "Forward", password: "pw" }],
  adminPassword: "",
  detectionSeconds: 2,
  notices: [],
};

const statusOf = (isReady: boolean): StatusReply =>
  ({
    isReady,
    nodes: { desired: 1, registered: 1, alive: 1, ready: 1 },
    tables: { total: 1, ready: isReady ? 1 : 0 },
    slots: { total: 4, withLeader: isReady ? 4 : 2, underReplicated: isReady ? 0 : 2, lost: 0 },
    notes: [],
  }) as unknown as StatusReply;

function setUp(manager: Partial<ManagerPort>, clock = new VirtualClock()) {
  const calls: string[] = [];
  const launched: string[] = [];
  const supervisor = new Supervisor({
    launch: ({ name }) => {
      launched.push(name);
      return { pid: 1, exited: new Promise(() => {}), kill: () => {} };
    },
    clock,
    random: () => 0,
    events: { onStart: () => {}, onExit: () => {} },
  });
  const cluster = new LocalCluster({
    supervisor,
    clock,
    hashPassword: (password) => `hash of ${password}`,
    specify: () => [{ name: "node-0", group: 1, args: [] }],
    manager: {
      putCluster: async (request) => void calls.push(`cluster ${request.generation}`),
      putTable: async (name, request) => void calls.push(`table ${name} ${request.spec.passwordHashes.join()}`),
      status: async () => statusOf(true),
      ...manager,
    },
  });
  const progress: string[] = [];
  const controller = new AbortController();
  const applied = cluster.apply({
    plan,
    generation: 7,
    signal: controller.signal,
    onProgress: ({ text }) => progress.push(text),
  });
  return { clock, calls, launched, progress, controller, applied };
}

async function run<T>(clock: VirtualClock, promise: Promise<T>, stepMs = 100): Promise<T> {
  let isDone = false;
  const watched = promise.finally(() => {
    isDone = true;
  });
  watched.catch(() => {});
  await settle();
  for (let step = 0; !isDone && step < 2000; step++) await clock.advanceAsync(stepMs);
  return watched;
}

describe("LocalCluster", () => {
  test("starts processes, then tells the desired state, then waits until ready", async () => {
    let asked = 0;
    const { applied, calls, launched, progress, clock } = setUp({ status: async () => statusOf(++asked > 3) });
    expect((await run(clock, applied)).isReady).toBe(true);
    expect(launched).toEqual(["node-0"]);
    expect(calls).toEqual(["cluster 7", "table orders hash of pw"]);
    expect(progress.at(-1)).toContain("slots 2/4 with a leader, 2/4 in sync");
  });

  test("asks again while the manager is starting", async () => {
    let tries = 0;
    const { applied, clock } = setUp({
      putCluster: async () => {
        if (++tries < 5) throw new OperatingError("ManagerUnavailable", "connection refused");
      },
    });
    await run(clock, applied);
    expect(tries).toBe(5);
  });

  test("says why the manager cannot accept anything yet", async () => {
    let tries = 0;
    const { applied, clock, progress } = setUp({
      putCluster: async () => {
        if (++tries < 5) throw new OperatingError("StoreUnavailable", "etcd at x does not answer");
      },
    });
    await run(clock, applied);
    expect(progress).toContain("etcd at x does not answer");
  });

  test("waits for an etcd that comes back after minutes, then has its usual time", async () => {
    const away = new OperatingError("StoreUnavailable", "etcd at x does not answer");
    const clock = new VirtualClock();
    const startMs = clock.monotonicMs();
    const passedMs = () => clock.monotonicMs() - startMs;
    let puts = 0;
    const manager: Partial<ManagerPort> = {
      putCluster: async () => {
        if (passedMs() < 300_000) throw away;
        puts++;
      },
      status: async () => {
        if (passedMs() < 330_000) throw away;
        return statusOf(passedMs() > 380_000);
      },
    };
    const { applied, progress, calls } = setUp(manager, clock);
    expect((await run(clock, applied, 1000)).isReady).toBe(true);
    expect([puts, calls]).toEqual([1, ["table orders hash of pw"]]);
    expect(progress).toContain("etcd at x does not answer");
  });

  test.each(["putCluster", "status"])("gives up an etcd that stays away ten minutes, at %s", async (call) => {
    const away = async () => {
      throw new OperatingError("StoreUnavailable", "etcd at x does not answer");
    };
    const { applied, clock } = setUp({ [call]: away });
    await expect(run(clock, applied, 1000)).rejects.toThrow("not ready after 600 s: etcd at x does not answer");
  });

  test("a manager that does not answer is given up after its time, and not before", async () => {
    const { applied, clock } = setUp({
      putCluster: async () => {
        throw new OperatingError("ManagerUnavailable", "no manager answered");
      },
    });
    await expect(run(clock, applied)).rejects.toThrow("not ready after 60 s: no manager answered");
  });

  test("a refusal by the manager ends it at once", async () => {
    const { applied, clock } = setUp({
      putTable: async () => {
        throw new OperatingError("Immutable", "slots cannot change");
      },
    });
    await expect(run(clock, applied)).rejects.toThrow("slots cannot change");
  });

  test("says what is missing when the deadline passes", async () => {
    const { applied, clock } = setUp({ status: async () => statusOf(false) });
    await expect(run(clock, applied)).rejects.toThrow("not ready after 60 s: nodes 1/1 ready");
  });

  test("ends with the signal's reason", async () => {
    const { applied, clock, controller } = setUp({ status: async () => statusOf(false) });
    await settle();
    controller.abort(new OperatingError("Superseded", "a newer manifest came"));
    await expect(run(clock, applied)).rejects.toThrow("a newer manifest came");
  });
});
