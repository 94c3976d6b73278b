import { describe, expect, test } from "vitest";
import type { ClusterObservation } from "../../../../operator/controllers/core/cluster-observation.ts";
import { clusterStatusOf } from "../../../../operator/controllers/core/cluster-status.ts";
import { planCluster } from "../../../../operator/controllers/core/plan-cluster.ts";
import { firstUnfinished } from "../../../../operator/controllers/core/task.ts";
import {
  base64,
  CLUSTER_ID,
  hashPassword,
  leads,
  observe,
  readyPods,
  settings,
} from "../../../support/cluster-observations.ts";

const fresh = { clusterId: "f".repeat(32), clusterSecret: base64("new secret"), adminSecret: base64("new password") };

function plan(observation: ClusterObservation) {
  return planCluster({ observation, settings, fresh, hashPassword });
}

function statusOf(observation: ClusterObservation) {
  const made = plan(observation);
  return clusterStatusOf({ observation, plan: made, settings, unfinished: firstUnfinished(made.outcomes) });
}

function reasonOf(observation: ClusterObservation) {
  const result = firstUnfinished(plan(observation).outcomes);
  return result && [result.kind, result.reason];
}

const names = (observation: ClusterObservation) =>
  plan(observation).children.map(({ resource, object }) => `${resource.kind} ${object.metadata.name}`);

const pods = (nodes: number) => [...readyPods("etcd", 3), ...readyPods("manager", 3), ...readyPods("node", nodes)];

/** What the planned StatefulSets are when they exist. */
function setsOf(observation: ClusterObservation) {
  const children = plan(observation).children.filter(({ resource }) => resource.kind === "StatefulSet");
  return children.map(({ object }) => object) as unknown as ClusterObservation["sets"];
}

/** Ready pods with the inputs of these StatefulSets. */
function podsOfSets(sets: ClusterObservation["sets"]): ClusterObservation["pods"] {
  return pods(3).map((pod) => {
    const set = sets.find(({ metadata }) => metadata.name === pod.metadata.name?.replace(/-\d+$/, ""));
    const annotations = set?.spec?.template.metadata?.annotations ?? {};
    return { ...pod, metadata: { ...pod.metadata, annotations } };
  });
}

const running = (spec: object = {}, over: Partial<ClusterObservation> = {}) => {
  const first = observe({ nodes: { replicas: 3 } }, { manager: leads(3), pods: pods(3) });
  const sets = setsOf(first);
  return observe(spec, { manager: leads(3), pods: podsOfSets(sets), sets, ...over });
};

describe("a new cluster", () => {
  test("gets its identity before anything else exists", () => {
    const observation = observe({}, {});
    const made = plan({ ...observation, live: { ...observation.live, status: {} } });
    expect(made.clusterId).toBe(fresh.clusterId);
    expect(made.children).toEqual([]);
    expect(statusOf({ ...observation, live: { ...observation.live, status: {} } })).toMatchObject({
      observedGeneration: 1,
      clusterID: fresh.clusterId,
      conditions: expect.arrayContaining([
        expect.objectContaining({ type: "Ready", status: "Unknown" }),
        expect.objectContaining({ type: "Reconciling", status: "True" }),
      ]),
    });
  });

  test("has no nodes until a manager leads, and makes each Secret once", () => {
    expect(names(observe())).not.toContain("StatefulSet demo-nodes");
    expect(names(observe({}, { manager: leads(3) }))).toContain("StatefulSet demo-nodes");
    const [secret] = plan(observe()).children;
    expect(secret?.object.data).toEqual({ secret: base64("secret of the cluster") });
    const [made] = plan(observe({}, { clusterSecret: undefined })).children;
    expect(made?.object.data).toEqual({ secret: base64("new secret") });
  });

  test("in zones is one StatefulSet a zone, whatever their order", () => {
    const spec = (zones: string[]) => ({ nodes: { replicas: 4, zones: zones.map((name) => ({ name })) } });
    const replicas = (zones: string[]) =>
      setsOf(observe(spec(zones), { manager: leads(4) }))
        .filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === "node")
        .map(({ metadata, spec: set }) => [metadata.labels?.["pika.io/zone"], set?.replicas]);
    expect(replicas(["b", "a", "c"])).toEqual(replicas(["a", "b", "c"]));
    expect(replicas(["b", "a", "c"])).toEqual([
      ["a", 2],
      ["b", 1],
      ["c", 1],
    ]);
  });
});

describe("what is in the way", () => {
  test.each<[string, object, Partial<ClusterObservation>, string[]]>([
    ["TLS for clients", { tls: { mode: "Preferred" } }, {}, ["Fail", "NotSupported"]],
    ["an unknown option", { nodes: { config: { cashBytes: 1 } } }, {}, ["Fail", "InvalidSpec"]],
    ["an option of the operator", { nodes: { config: { port: 1 } } }, {}, ["Fail", "InvalidSpec"]],
    ["a missing Secret", { auth: { adminSecretRef: { name: "s", key: "k" } } }, {}, ["Wait", "SecretNotFound"]],
    ["etcd", {}, {}, ["Wait", "EtcdUnavailable"]],
    ["managers", {}, { pods: readyPods("etcd", 3) }, ["Wait", "ManagerUnavailable"]],
    ["nodes", {}, { pods: pods(2), manager: leads(3) }, ["Wait", "WaitingForNodes"]],
    [
      "slots",
      {},
      { pods: pods(3), manager: leads(3, { slots: { total: 8, withLeader: 7, underReplicated: 0, lost: 0 } }) },
      ["Retry", "SlotsWithoutLeader"],
    ],
  ])("%s", (_, spec, over, expected) => {
    expect(reasonOf(observe(spec, over))).toEqual(expected);
  });

  test("nothing: it is ready, and the manager is not told again what it knows", () => {
    expect(reasonOf(running())).toBeUndefined();
    expect(plan(running()).desired).toBeUndefined();
    expect(statusOf(running())).toMatchObject({
      managerLeader: "demo-manager-1",
      nodes: { summary: "3/3" },
      slots: { summary: "8/8" },
      conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", status: "True" })]),
    });
  });

  test("for longer than the deadline: it is stalled until something gets further", () => {
    const waiting = observe({}, { pods: [] });
    const since = (time: string, type: string) => ({
      ...waiting.live,
      status: {
        ...waiting.live.status,
        conditions: [
          { type, status: "True" as const, reason: "r", message: "m", observedGeneration: 1, lastTransitionTime: time },
        ],
      },
    });
    const typesOf = (live: ClusterObservation["live"], over: Partial<ClusterObservation> = {}) =>
      statusOf({ ...waiting, live, ...over }).conditions?.map(({ type }) => type);
    expect(typesOf(since("2026-01-02T03:04:00Z", "Reconciling"))).toContain("Reconciling");
    expect(typesOf(since("2026-01-02T02:04:00Z", "Reconciling"))).toContain("Stalled");
    expect(typesOf(since("2026-01-02T03:04:59Z", "Stalled"))).toContain("Stalled");
    const further = { pods: readyPods("etcd", 1) };
    expect(typesOf(since("2026-01-02T03:04:00Z", "Stalled"), further)).toContain("Reconciling");
  });
});

describe("fewer nodes", () => {
  test("stay while the last one holds something, and say so", () => {
    const known = leads(2);
    const nodes = leads(3).kind === "Leads" ? leads(3) : known;
    if (known.kind !== "Leads" || nodes.kind !== "Leads") throw new Error("a manager leads");
    const full = running({ nodes: { replicas: 2 } }, { manager: { ...known, nodes: nodes.nodes } });
    expect(plan(full).spread?.blocked).toMatchObject({ pod: "demo-nodes-2" });
    expect(reasonOf(full)).toEqual(["Retry", "DrainBlocked"]);
    const empty = nodes.nodes.map((node, i) => (i === 2 ? { ...node, replicas: 0 } : node));
    const free = running({ nodes: { replicas: 2 } }, { manager: { ...known, nodes: empty } });
    expect(setsOf(free).find(({ metadata }) => metadata.name === "demo-nodes")?.spec?.replicas).toBe(2);
  });

  test("by a hand on the StatefulSet, and suspension, change no membership", () => {
    const sets = setsOf(running()).map((set) => ({ ...set, spec: { ...set.spec, replicas: 1 } })) as never;
    const again = setsOf(running({}, { sets }));
    expect(again.map(({ spec }) => spec?.replicas)).toEqual([3, 3, 3]);
    const suspended = setsOf(running({ suspend: true }));
    expect(suspended.map(({ spec }) => spec?.replicas)).toEqual([0, 0, 0]);
    const resumed = setsOf(running({}, { sets: suspended }));
    expect(resumed.map(({ spec }) => spec?.replicas)).toEqual([3, 3, 3]);
  });
});

test("volumes of an earlier cluster are adopted by their id, and no empty store is taken for theirs", () => {
  const claim = (id: string, created: string) => ({
    metadata: {
      name: "data-demo-nodes-3",
      creationTimestamp: created,
      labels: { "app.kubernetes.io/component": "node" },
      annotations: { "pika.io/cluster-id": id },
    },
  });
  const old = "a".repeat(32);
  const observation = observe({}, { claims: [claim(old, "2025-01-01T00:00:00Z")] as never });
  const unnamed = { ...observation, live: { ...observation.live, status: {} } };
  expect(plan(unnamed).clusterId).toBe(old);
  expect(reasonOf(observation)).toEqual(["Wait", "AdoptionMismatch"]);
  const adopted = { ...observation, live: { ...observation.live, status: { clusterID: old } } };
  const config = plan(adopted).children.find(({ resource }) => resource.kind === "ConfigMap");
  expect(config?.object.data).toEqual({ PIKA_CLUSTER_ID: old });
  const replicas = setsOf({ ...adopted, manager: leads(4) }).find(({ metadata }) => metadata.name === "demo-nodes");
  expect(replicas?.spec?.replicas).toBe(4);
  expect(CLUSTER_ID).not.toBe(old);
});
