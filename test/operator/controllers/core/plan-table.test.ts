import { expect, test } from "vitest";
import type { TableReply } from "../../../../node/meta/manager-api.ts";
import { tableSpec } from "../../../../operator/api/v1alpha1/pika-table.ts";
import { planTable } from "../../../../operator/controllers/core/plan-table.ts";
import type { LiveTable, TableObservation } from "../../../../operator/controllers/core/table-observation.ts";
import { tableStatusOf } from "../../../../operator/controllers/core/table-status.ts";
import { base64, CLUSTER_ID, hashPassword, NOW_MS, observe } from "../../../support/cluster-observations.ts";

const live = (name: string, spec: object, created = "2026-01-01T00:00:00Z"): LiveTable => ({
  metadata: { namespace: "team", name, uid: `uid-${name}`, generation: 2, creationTimestamp: created },
  spec: { clusterRef: { name: "demo" }, ...spec },
});

function observeTable(spec: object = {}, over: Partial<TableObservation> = {}): TableObservation {
  const table = live("orders", spec);
  return {
    live: table,
    spec: tableSpec.parse(table.spec),
    cluster: observe({ nodes: { replicas: 3 } }).live,
    siblings: [table],
    password: undefined,
    manager: { kind: "Leads", clusterId: CLUSTER_ID, tables: [] },
    clusterDomain: "cluster.local",
    nowMs: NOW_MS,
    ...over,
  };
}

const plan = (observation: TableObservation) => planTable(observation, hashPassword);

test.each<[string, object, Partial<TableObservation>, string, string]>([
  ["consistent", { consistency: "Consistent" }, {}, "Fail", "NotSupported"],
  ["a quota", { quota: { maxOpsPerSecond: 1 } }, {}, "Fail", "NotSupported"],
  ["no cluster", {}, { cluster: undefined }, "Wait", "ClusterNotFound"],
  ["no Secret", { passwordSecretRef: { name: "s", key: "k" } }, {}, "Wait", "SecretNotFound"],
  [
    "an empty key",
    { passwordSecretRef: { name: "s", key: "k" } },
    { password: { other: "" } },
    "Wait",
    "SecretNotFound",
  ],
  ["more replicas than nodes", { replicas: 4 }, {}, "Wait", "InsufficientCapacity"],
  ["no manager", {}, { manager: { kind: "Away", message: "m" } }, "Retry", "ManagerUnavailable"],
  [
    "an older one",
    { tableName: "t" },
    { siblings: [live("first", { tableName: "t" }, "2025-01-01T00:00:00Z")] },
    "Fail",
    "Conflict",
  ],
])("what is in the way: %s", (_, spec, over, kind, reason) => {
  expect(plan(observeTable(spec, over)).unfinished).toMatchObject({ kind, reason });
  expect(plan(observeTable(spec, over)).desired).toBeUndefined();
});

test("what is awaited is stalled after the cluster's deadline", () => {
  const typesAfter = (progressDeadlineSeconds: number) => {
    const observation = observeTable(
      { replicas: 4 },
      { cluster: observe({ nodes: { replicas: 3 }, progressDeadlineSeconds }).live },
    );
    const since = { status: "True", reason: "r", message: "m", lastTransitionTime: "2026-01-02T03:04:00Z" } as const;
    const live = { ...observation.live, status: { conditions: [{ type: "Reconciling", ...since }] } };
    const waiting = { ...observation, live };
    return tableStatusOf(waiting, plan(waiting)).conditions?.map(({ type }) => type);
  };
  expect(typesAfter(30)).toContain("Stalled");
  expect(typesAfter(300)).toContain("Reconciling");
});

test("the manager is told once, with the password's hash, and takes it over from an earlier object", () => {
  const spec = { slots: 16, replicas: 2, passwordSecretRef: { name: "s", key: "k" } };
  const first = plan(observeTable(spec, { password: { k: base64("p") } }));
  expect(first.desired).toEqual({
    owner: "uid-orders",
    generation: 2,
    adopt: CLUSTER_ID,
    spec: {
      slots: 16,
      replicas: 2,
      consistency: "Asynchronous",
      clientRouting: "Forward",
      passwordHashes: ["hash of p"],
    },
  });
  const slots = { total: 16, withLeader: 16, underReplicated: 0, lost: 0 };
  const known = {
    name: "orders",
    ...first.desired,
    replicas: 2,
    slots,
    isReady: true,
    notes: [],
  } as unknown as TableReply;
  const observation = observeTable(spec, {
    password: { k: base64("p") },
    manager: { kind: "Leads", clusterId: CLUSTER_ID, tables: [known] },
  });
  expect(plan(observation)).toMatchObject({ desired: undefined, unfinished: undefined });
  expect(tableStatusOf(observation, plan(observation))).toMatchObject({
    observedGeneration: 2,
    replicas: 2,
    slots: { summary: "16/16" },
    address: "demo.team.svc.cluster.local:6379",
    conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", status: "True" })]),
  });
  const rotated = { ...observation, password: { k: base64("q") } };
  expect(plan(rotated).desired?.spec.passwordHashes).toEqual(["hash of q"]);
});
