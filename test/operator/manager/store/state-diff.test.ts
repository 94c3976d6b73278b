import { describe, expect, test } from "vitest";
import { decodeTopology, encodeTopology } from "../../../../node/meta/topology-codec.ts";
import { type ClusterState, emptyState, toTopology } from "../../../../operator/manager/core/cluster-state.ts";
import { deleteTable } from "../../../../operator/manager/core/desired-state.ts";
import { planState } from "../../../../operator/manager/core/plan.ts";
import { MetadataKeys } from "../../../../operator/manager/store/keys.ts";
import {
  MAX_TRANSACTION_BYTES,
  type MetadataEntry,
  transactionBytes,
} from "../../../../operator/manager/store/metadata-store.ts";
import {
  decodeState,
  encodeCluster,
  encodeCounters,
  encodeEpoch,
  encodeSettings,
} from "../../../../operator/manager/store/records.ts";
import { diffStates } from "../../../../operator/manager/store/state-diff.ts";
import { clusterWith, planContext, withTable } from "../../../support/cluster-states.ts";
import { CLUSTER } from "../../../support/topology-arbitrary.ts";

const keys = new MetadataKeys("/p");

/** Applies the transactions to an empty cluster's entries, and checks after each that the store holds its state. */
function replay(steps: readonly ClusterState[]) {
  const start = emptyState(CLUSTER);
  const values = new Map<string, Buffer>([
    [keys.cluster, encodeCluster(CLUSTER, 0)],
    [keys.epoch, encodeEpoch(0)],
    [keys.counters, encodeCounters(start.counters)],
    [keys.settings, encodeSettings(start.settings)],
  ]);
  let current = start;
  const counts: number[] = [];
  for (const next of steps) {
    const drafts = diffStates(current, next, keys);
    counts.push(drafts.length);
    for (const { writes, state } of drafts) {
      expect(writes.length).toBeLessThanOrEqual(126);
      expect(transactionBytes({ compares: [], writes })).toBeLessThan(MAX_TRANSACTION_BYTES);
      for (const write of writes) {
        if (write.kind === "put") values.set(write.key, write.value);
        else values.delete(write.key);
      }
      const entries = [...values].map(
        ([key, value]): MetadataEntry => ({ key, value, createdRevision: 1, modifiedRevision: 1 }),
      );
      expect(decodeState(keys, entries)).toEqual(state);
      expect(decodeTopology(encodeTopology(toTopology(state, []))).ok).toBe(true);
      current = state;
    }
    expect(current).toEqual({ ...next, epoch: current.epoch });
  }
  return { current, counts };
}

describe("transactions between two states", () => {
  test("an ordinary change is one, and one epoch", () => {
    const nodes = clusterWith(["", ""]);
    const table = withTable(nodes, "t");
    const { current, counts } = replay([nodes, table, planState(table, planContext())]);
    expect(counts).toEqual([1, 1, 1]);
    expect(current.epoch).toBe(3);
  });

  test("what nodes do not see makes no epoch, and no change makes no transaction", () => {
    const nodes = clusterWith([""]);
    const desired = nodes.settings.desired;
    if (!desired) throw new Error("the cluster has settings");
    const more: ClusterState = { ...nodes, settings: { ...nodes.settings, desired: { ...desired, generation: 2 } } };
    expect(diffStates(nodes, nodes, keys)).toEqual([]);
    expect(replay([nodes, more]).current.epoch).toBe(1);
  });

  test("a large change is split, and the store holds a valid state after each part", () => {
    let state = clusterWith(["", "", ""]);
    for (let i = 0; i < 150; i++) state = withTable(state, `t${i}`, { slots: 4, replicas: 3 });
    const { counts } = replay([state, planState(state, planContext())]);
    expect(counts).toEqual([2, 2]);
  });

  test("a transaction is bounded in bytes too", () => {
    let state = clusterWith(["", ""]);
    for (let i = 0; i < 16; i++) state = withTable(state, `t${i}`, { slots: 16384, replicas: 2 });
    const drafts = diffStates(state, planState(state, planContext()), keys);
    expect(drafts.length).toBeGreaterThan(1);
    for (const { writes } of drafts)
      expect(transactionBytes({ compares: [], writes })).toBeLessThan(MAX_TRANSACTION_BYTES);
  });

  test("a deleted table goes with its assignment", () => {
    const state = planState(withTable(clusterWith([""]), "t"), planContext());
    const gone = deleteTable(state, "t", { owner: "o", generation: 1 });
    if (!gone.ok) throw new Error("must be accepted");
    const { current } = replay([state, gone.state]);
    expect([current.tables.size, current.assignments.size]).toEqual([0, 0]);
  });

  test("a value that is not understood is an error that names its key and path", () => {
    const entry = (key: string, value: string): MetadataEntry => ({
      key,
      value: Buffer.from(value),
      createdRevision: 1,
      modifiedRevision: 1,
    });
    expect(() => decodeState(keys, [entry(keys.settings, '{"schema":"settings","version":2}')])).toThrow(
      /\/p\/settings, version/,
    );
    expect(() => decodeState(keys, [])).toThrow(/\/p\/settings is missing/);
    expect(() => decodeState(keys, [entry(keys.settings, "{")])).toThrow(/\/p\/settings: is not JSON/);
  });
});
