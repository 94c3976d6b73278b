import { afterEach, describe, expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import { type ClusterState, findTable } from "../../../operator/manager/core/cluster-state.ts";
import { Executor } from "../../../operator/manager/executor.ts";
import { MetadataKeys } from "../../../operator/manager/store/keys.ts";
import type { MetadataStore, MetadataTransaction } from "../../../operator/manager/store/metadata-store.ts";
import { clusterWith, withTable } from "../../support/cluster-states.ts";
import { Playground } from "../../support/managers.ts";
import { CLUSTER } from "../../support/topology-arbitrary.ts";

const keys = new MetadataKeys("/p");
const play = new Playground();
afterEach(() => play.stop());

async function elect(store: MetadataStore): Promise<number> {
  const won = await store.commit({
    compares: [],
    writes: [{ kind: "put", key: keys.leader, value: Buffer.from("x") }],
  });
  const entry = await store.get(keys.leader);
  if (!won.isCommitted || !entry) throw new Error("must be committed");
  return entry.createdRevision;
}

async function setUp() {
  const store = await play.embedded();
  const seen: ClusterState[] = [];
  /** Set by a test: what happens instead of a commit. */
  const faults: { commit: ((transaction: MetadataTransaction) => Promise<never>) | undefined } = { commit: undefined };
  const faulty: MetadataStore = {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    commit: (transaction) => (faults.commit ?? ((sent) => store.commit(sent)))(transaction),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    watch: (from, listener) => store.watch(from, listener),
    close: () => store.close(),
  };
  const executor = new Executor({
    store: faulty,
    keys,
    token: await elect(store),
    onState: (state) => seen.push(state),
  });
  await executor.load({ clusterId: CLUSTER, nowMs: 0 });
  return { store, executor, faults, seen };
}

const addTable = (name: string) => (state: ClusterState) => withTable(state, name);

describe("the executor", () => {
  test("makes the cluster once, and finds it again", async () => {
    const { store, executor } = await setUp();
    expect(executor.state).toMatchObject({ clusterId: CLUSTER, epoch: 0 });
    await executor.mutate(addTable("t"));
    const other = new Executor({ store, keys, token: await elect(store), onState: () => {} });
    const state = await other.load({ clusterId: "d".repeat(32) as never, nowMs: 9 });
    expect(state).toEqual(executor.state);
  });

  test("runs mutations one after the other, each on what the one before left", async () => {
    const { executor, seen } = await setUp();
    await Promise.all(["a", "b", "c"].map((name) => executor.mutate(addTable(name))));
    expect([...(executor.state?.tables.keys() ?? [])]).toEqual([1, 2, 3]);
    expect(seen.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
  });

  test("a mutation that changes nothing writes nothing", async () => {
    const { store, executor } = await setUp();
    const before = await store.list("/");
    await executor.mutate((state) => state);
    expect((await store.list("/")).revision).toBe(before.revision);
  });

  test.each([true, false])("after a lost answer it reads what is there (committed: %s)", async (isCommitted) => {
    const { store, executor, faults } = await setUp();
    faults.commit = async (transaction) => {
      if (isCommitted) await store.commit(transaction);
      throw new OperatingError("StoreUnavailable", "no answer");
    };
    await expect(executor.mutate(addTable("t"))).rejects.toMatchObject({ code: "StoreUnavailable" });
    faults.commit = undefined;
    const after = await executor.mutate((state) => (findTable(state, "t") ? state : withTable(state, "t")));
    expect([after.epoch, after.tables.size]).toEqual([1, 1]);
    await executor.mutate(addTable("u"));
    expect(executor.state?.epoch).toBe(2);
  });

  test("writes nothing once another leads, and says so", async () => {
    const { store, executor } = await setUp();
    await store.commit({ compares: [], writes: [{ kind: "delete", key: keys.leader }] });
    await elect(store);
    await expect(executor.mutate(addTable("t"))).rejects.toMatchObject({ code: "NotLeader" });
    await expect(executor.mutate(() => clusterWith([""]))).rejects.toMatchObject({ code: "NotLeader" });
    expect((await store.list(keys.tables)).entries).toEqual([]);
  });

  test("does not write over an epoch that somebody else wrote", async () => {
    const { store, executor } = await setUp();
    await store.commit({
      compares: [],
      writes: [{ kind: "put", key: keys.epoch, value: Buffer.from('{"schema":"epoch","version":1,"epoch":41}') }],
    });
    await expect(executor.mutate(addTable("t"))).rejects.toMatchObject({ code: "StoreUnavailable" });
    await executor.mutate(addTable("t"));
    expect(executor.state?.epoch).toBe(42);
  });
});
