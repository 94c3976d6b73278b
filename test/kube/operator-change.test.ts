/** The operator on a real API server: a running cluster is changed, suspended, deleted and made again. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import type { KubeObject } from "./kube-api.ts";
import { conditionOf, OperatorGround, readExample } from "./operator-ground.ts";
import { hasControlPlane } from "./shared-control-plane.ts";

type Place = Awaited<ReturnType<OperatorGround["place"]>>;

interface StatefulSet extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly updateStrategy: { readonly type: string; readonly rollingUpdate?: { readonly partition: number } };
  };
}

interface Pod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly image: string }[] };
}

interface Claim extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly ownerReferences?: readonly { readonly kind: string }[] };
}

describe.runIf(hasControlPlane())("the operator changes", () => {
  let ground: OperatorGround;
  let place: Place;
  beforeAll(async () => {
    ground = await OperatorGround.open();
  }, 60_000);
  beforeEach(async () => {
    place = await ground.place();
    await place.operator();
    await place.apply(readExample("quickstart.yaml"));
    await place.ready("pikaclusters", "demo");
  }, 60_000);
  afterEach(() => ground.end(), 60_000);
  afterAll(() => ground?.close());

  const podsOf = async (role: string): Promise<readonly Pod[]> => {
    const pods = await place.list<Pod>("v1", "pods");
    return pods.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === role);
  };
  const imagesOf = async (role: string): Promise<string[]> =>
    (await podsOf(role)).map(({ spec }) => spec.containers[0]?.image ?? "").sort();
  const replicas = async (name: string): Promise<StatefulSet> =>
    await place.api.get<StatefulSet>(place.path("apps/v1", "statefulsets", name));
  const edit = (spec: object): Promise<void> => place.edit("pikaclusters", "demo", { spec });

  test("the image, pod by pod, and comes to rest at a partition that restarts nothing", async () => {
    const before = await podsOf("node");
    await edit({ image: "localhost/pika:next" });
    const cluster = await place.ready("pikaclusters", "demo");
    for (const role of ["manager", "node"]) {
      expect(await imagesOf(role)).toEqual(Array(3).fill("localhost/pika:next"));
    }
    expect(await imagesOf("etcd")).toEqual(Array(3).fill("localhost/etcd:test"));
    const after = await podsOf("node");
    expect(after.map(({ metadata }) => metadata.uid)).not.toEqual(before.map(({ metadata }) => metadata.uid));
    expect(cluster.status).toMatchObject({ nodes: { updated: 3, summary: "3/3" } });
    const { spec } = await replicas("demo-nodes");
    expect(spec.updateStrategy).toMatchObject({ type: "RollingUpdate", rollingUpdate: { partition: 3 } });
  }, 300_000);

  test("no further than a pod that does not get ready, whose fellows keep their revision; the next edit goes on", async () => {
    for (let i = 0; i < 3; i++) place.kubelet.hold(`demo-nodes-${i}`);
    await edit({ nodes: { config: { maxClients: 500 } } });
    const isNew = (pod: Pod): boolean => JSON.stringify(pod.spec).includes('"500"');
    await waitFor(async () => (await podsOf("node")).filter(isNew).length === 1, { timeoutMs: 30_000 });
    const stuck = await place.until("pikaclusters", "demo", { type: "Updating", status: "True" });
    expect(conditionOf(stuck, "Ready")?.status).toBe("False");
    // One that is made again meanwhile keeps what it had.
    await place.api.delete(place.path("v1", "pods", "demo-nodes-0"));
    await waitFor(async () => (await podsOf("node")).length === 3);
    expect((await podsOf("node")).filter(isNew).map(({ metadata }) => metadata.name)).toEqual(["demo-nodes-2"]);
    for (let i = 0; i < 3; i++) place.kubelet.release(`demo-nodes-${i}`);
    await edit({ nodes: { config: { maxClients: 600 } } });
    await place.ready("pikaclusters", "demo");
    expect((await podsOf("node")).map((pod) => JSON.stringify(pod.spec).includes('"600"'))).toEqual([true, true, true]);
  }, 300_000);

  test("the number of nodes, up, and down where the last one holds nothing", async () => {
    await edit({ nodes: { replicas: 4 } });
    const grown = await place.ready("pikaclusters", "demo");
    expect(grown.status).toMatchObject({ nodes: { summary: "4/4" } });
    expect(conditionOf(grown, "Balanced")).toMatchObject({ status: "False", reason: "MovesNotSupported" });
    await edit({ nodes: { replicas: 2 } });
    const blocked = await place.until("pikaclusters", "demo", { type: "ScalingIn", status: "True" });
    expect(conditionOf(blocked, "ScalingIn")).toMatchObject({ reason: "DrainBlocked" });
    expect((await replicas("demo-nodes")).spec.replicas).toBe(3);
    await edit({ nodes: { replicas: 3 } });
    await place.ready("pikaclusters", "demo");
  }, 300_000);

  test("a hand's scaling back, and nothing of the membership by suspension", async () => {
    await place.api.patch(place.path("apps/v1", "statefulsets", "demo-nodes"), { spec: { replicas: 1 } });
    await waitFor(async () => (await replicas("demo-nodes")).spec.replicas === 3);
    await place.ready("pikaclusters", "demo");
    await edit({ suspend: true });
    await place.until("pikaclusters", "demo", { type: "Ready", status: "True", reason: "Suspended" });
    expect(await place.list("v1", "pods")).toEqual([]);
    expect(await place.list("v1", "persistentvolumeclaims")).toHaveLength(6);
    await edit({ suspend: false });
    const resumed = await place.until("pikaclusters", "demo", { type: "Ready", status: "True", reason: "Ready" });
    expect(resumed.status).toMatchObject({ nodes: { summary: "3/3" } });
  }, 300_000);

  test("who owns the volumes by the deletion policy; a cluster made again over kept volumes is the same one", async () => {
    const owners = async (): Promise<number[]> => {
      const claims = await place.list<Claim>("v1", "persistentvolumeclaims");
      return claims.map(({ metadata }) => metadata.ownerReferences?.length ?? 0);
    };
    await place.ready("pikatables", "orders");
    const { status } = await place.custom("pikaclusters", "demo");
    await edit({ deletionPolicy: "Delete" });
    await waitFor(async () => (await owners()).every((count) => count === 1));
    await edit({ deletionPolicy: "Retain" });
    await waitFor(async () => (await owners()).every((count) => count === 0));
    await place.api.delete(place.path("pika.io/v1alpha1", "pikaclusters", "demo"));
    await place.until("pikatables", "orders", { type: "Ready", status: "False", reason: "ClusterNotFound" });
    await waitFor(async () => (await place.list("v1", "pods")).length === 0, { timeoutMs: 45_000 });
    // Ages are told in whole seconds.
    const made = Date.now();
    await waitFor(() => Date.now() > made + 1100);
    await place.apply(readExample("quickstart.yaml"));
    const again = await place.ready("pikaclusters", "demo");
    expect(again.status?.clusterID).toBe(status?.clusterID);
    await place.ready("pikatables", "orders");
    const config = await place.api.get<{ data: object }>(place.path("v1", "configmaps", "demo-manager"));
    expect(config.data).toEqual({ PIKA_CLUSTER_ID: status?.clusterID });
  }, 300_000);

  test("an object of a name that isn't ours is left alone and named", async () => {
    const path = place.path("v1", "services");
    const spec = { ports: [{ port: 1 }], selector: { a: "b" } };
    await place.api.post(path, { apiVersion: "v1", kind: "Service", metadata: { name: "other" }, spec });
    await place.apply([
      {
        apiVersion: "pika.io/v1alpha1",
        kind: "PikaCluster",
        metadata: { name: "other" },
        spec: { nodes: { replicas: 1 } },
      },
    ]);
    const conflict = await place.until("pikaclusters", "other", {
      type: "Reconciling",
      status: "True",
      reason: "FieldConflict",
    });
    expect(conditionOf(conflict, "Reconciling")?.message).toContain("Service");
    await place.api.delete(`${path}/other`);
    await place.ready("pikaclusters", "other");
  }, 300_000);
});
