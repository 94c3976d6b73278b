import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../../node/base/log.ts";
import type { Lease } from "../../../operator/kube/core/lease-record.ts";
import { KubeClient } from "../../../operator/kube/kube-client.ts";
import { LeaseElector } from "../../../operator/kube/lease-elector.ts";
import { MemoryApi } from "../../support/memory-api.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/lease";

interface Member {
  readonly elector: LeaseElector;
  readonly changes: boolean[];
  /** Its requests fail while true. */
  isCutOff: boolean;
}

let api: MemoryApi;
let clock: VirtualClock;
let members: Member[];

function join(identity: string): Member {
  const changes: boolean[] = [];
  const own = {
    send: (request: Parameters<MemoryApi["send"]>[0]) =>
      member.isCutOff ? Promise.reject(new Error("cut off")) : api.send(request),
    open: () => api.open(),
    close: () => {},
  };
  const elector = new LeaseElector(
    { identity, namespace: "ns", name: "lease", durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 },
    {
      client: new KubeClient(own),
      clock,
      random: () => 0.5,
      logger: silentLogger,
      onChange: (isLeading) => changes.push(isLeading),
    },
  );
  const member: Member = { elector, changes, isCutOff: false };
  members.push(member);
  return member;
}

const holder = () => (api.objects.get(PATH) as Lease | undefined)?.spec?.holderIdentity;
const fresh = () => members.filter(({ elector }) => elector.isFresh).length;

/** Time passes; never do two lead. */
async function pass(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 250) {
    await clock.advanceAsync(250);
    expect(fresh()).toBeLessThanOrEqual(1);
  }
}

beforeEach(() => {
  api = new MemoryApi();
  clock = new VirtualClock();
  members = [];
});
afterEach(() => Promise.all(members.map(({ elector }) => elector.stop())));

test("the first one leads and goes on leading, with one write each round and no reads", async () => {
  const a = join("a");
  await a.elector.start();
  await pass(60_000);
  expect(a.changes).toEqual([true]);
  expect(api.requests.filter((request) => request.startsWith("get"))).toHaveLength(1);
  expect(api.requests.length).toBeLessThan(45);
});

test("of two that start together one leads", async () => {
  const [a, b] = [join("a"), join("b")];
  await Promise.all([a.elector.start(), b.elector.start()]);
  await pass(30_000);
  expect(fresh()).toBe(1);
});

describe("the second one takes over", () => {
  let a: Member;
  let b: Member;
  beforeEach(async () => {
    a = join("a");
    await a.elector.start();
    await pass(1000);
    b = join("b");
    await b.elector.start();
    await pass(10_000);
    expect(a.elector.isFresh).toBe(true);
  });

  test("at once after a release", async () => {
    await a.elector.stop();
    expect(holder()).toBe("");
    await pass(2_500);
    expect(b.elector.isFresh).toBe(true);
  });

  test("when the first is cut off: that one stops by its deadline, before the other begins", async () => {
    a.isCutOff = true;
    await pass(10_000);
    expect(a.changes).toEqual([true, false]);
    expect(b.elector.isFresh).toBe(false);
    await pass(10_000);
    expect(b.elector.isFresh).toBe(true);
    a.isCutOff = false;
    await pass(30_000);
    expect([a.elector.isFresh, b.elector.isFresh]).toEqual([false, true]);
  });

  test("not while the first is cut off for less than its deadline", async () => {
    a.isCutOff = true;
    await pass(7_000);
    a.isCutOff = false;
    await pass(30_000);
    expect(a.changes).toEqual([true]);
  });

  test("when somebody writes a stranger into it: the first stops as soon as it sees that, one leads later", async () => {
    const lease = api.objects.get(PATH) as Lease;
    api.put(PATH, { ...lease, spec: { ...lease.spec, holderIdentity: "stranger" } });
    await pass(2_500);
    expect(a.changes).toEqual([true, false]);
    await pass(20_000);
    expect(fresh()).toBe(1);
  });
});

describe("a Lease that was deleted", () => {
  beforeEach(async () => {
    for (const identity of ["a", "b"]) {
      await join(identity).elector.start();
      await pass(2000);
    }
    api.objects.delete(PATH);
  });

  test("is made again by who leads, and it goes on leading", async () => {
    await pass(30_000);
    expect(members.map(({ changes }) => changes)).toEqual([[true], []]);
  });

  test("while who leads is cut off, is taken when that one has stopped", async () => {
    if (members[0]) members[0].isCutOff = true;
    await pass(20_000);
    expect(members.map(({ changes }) => changes)).toEqual([[true, false], [true]]);
  });
});

test("a jump of the wall clock changes nothing", async () => {
  const [a, b] = [join("a"), join("b")];
  await a.elector.start();
  await b.elector.start();
  await pass(5000);
  clock.jumpWall(86_400_000);
  await pass(20_000);
  clock.jumpWall(-2 * 86_400_000);
  await pass(20_000);
  expect([a.changes, b.changes]).toEqual([[true], []]);
});

test("a renewal that is answered late counts from its sending", async () => {
  const a = join("a");
  await a.elector.start();
  await pass(1000);
  const gate = Promise.withResolvers<void>();
  api.gate = gate.promise;
  await pass(9_000);
  gate.resolve();
  await clock.advanceAsync(0);
  expect(a.elector.isFresh).toBe(true);
  api.gate = Promise.withResolvers<void>().promise;
  await pass(10_000);
  expect(a.elector.isFresh).toBe(false);
  api.gate = Promise.resolve();
  a.isCutOff = true;
  members = [];
});
