/**
 * The runtime on a real API server: what its caches hold, what its writers leave, who leads. Rest costs nothing.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject, Resource } from "../../operator/kube/core/api-object.ts";
import { KubeconfigCredentials } from "../../operator/kube/kubeconfig-credentials.ts";
import type { ObjectStore } from "../../operator/kube/object-store.ts";
import { SECRETS } from "../../operator/kube/secret-reader.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ApiClient, connectApi } from "./api-client.ts";
import {
  CONFIG_MAPS,
  configMap,
  DISRUPTION_BUDGETS,
  EVENTS,
  NETWORK_POLICIES,
  RuntimeGround,
  SERVICES,
  STATEFUL_SETS,
  sumOf,
  type TestRuntime,
} from "./operator-runtimes.ts";
import { hasControlPlane, type SharedCluster, shareControlPlane } from "./shared-control-plane.ts";

type Data = KubeObject & { readonly data?: Record<string, string> };

describe.runIf(hasControlPlane())("the operator's runtime on a real API server", () => {
  let cluster: SharedCluster;
  let api: ApiClient;
  let ground: RuntimeGround;
  let namespace: string;
  beforeAll(async () => {
    cluster = await shareControlPlane();
    api = connectApi(cluster.kubeconfig);
    ground = new RuntimeGround(new KubeconfigCredentials({ file: cluster.kubeconfig, context: "" }));
    namespace = await ground.namespace(api.client);
  }, 60_000);
  afterEach(() => ground.stop());
  afterAll(async () => {
    api?.close();
    cluster?.release();
  });

  const selection = () => ({ resource: CONFIG_MAPS, namespace, labelSelector: "pika.io/test=yes" });

  test("a cache has what is there, what comes, changes and goes, and only what is selected", async () => {
    await api.client.create(CONFIG_MAPS, configMap(namespace, "before", { a: "1" }));
    await api.client.create(CONFIG_MAPS, { metadata: { namespace, name: "unlabelled" } });
    const { runtime, metrics } = ground.runtime(namespace);
    const store = runtime.cache<Data>(selection());
    await runtime.start();
    await store.synced;
    expect([...store.keys()]).toEqual([`${namespace}/before`]);
    expect(store.get(namespace, "before")?.metadata.managedFields).toBeUndefined();
    await api.client.create(CONFIG_MAPS, configMap(namespace, "after"));
    const scope = { namespace, name: "before" };
    const changed = await api.client.merge<Data>(CONFIG_MAPS, { scope, body: { data: { a: "2" } } });
    await waitFor(() => store.get(namespace, "before")?.data?.a === "2" && store.count === 2);
    await api.client.delete(CONFIG_MAPS, scope, { uid: changed.metadata.uid ?? "" });
    await waitFor(() => store.count === 1);
    expect(await sumOf(metrics, "pika_operator_cache_lists_total", { resource: "configmaps" })).toBeLessThanOrEqual(2);
  });

  test("Secrets are watched by their metadata and read when asked for", async () => {
    const metadata = { namespace, name: "s" };
    await api.client.create(SECRETS, { metadata, data: { k: "MQ==" } } as KubeObject);
    const { runtime, metrics } = ground.runtime(namespace);
    const secrets = runtime.secrets({ namespace });
    await runtime.start();
    await secrets.metadata.synced;
    expect(secrets.metadata.get(namespace, "s")).not.toHaveProperty("data");
    for (let i = 0; i < 3; i++) expect((await secrets.read(namespace, "s"))?.data).toEqual({ k: "MQ==" });
    expect(await sumOf(metrics, "pika_operator_api_requests_total", { verb: "get", resource: "secrets" })).toBe(1);
    await api.client.merge(SECRETS, { scope: metadata, body: { data: { k: "Mg==" } } });
    await waitFor(async () => (await secrets.read(namespace, "s"))?.data?.k === "Mg==");
  });

  describe("children", () => {
    let test1: TestRuntime;
    let owner: { apiVersion: string; kind: string; name: string; uid: string };
    const stores = new Map<Resource, ObjectStore<KubeObject>>();

    async function lead(): Promise<void> {
      test1 = ground.runtime(namespace, {
        leaseName: `children-${stores.size}-${Math.random().toString(36).slice(2)}`,
      });
      stores.clear();
      for (const resource of [CONFIG_MAPS, SERVICES, STATEFUL_SETS, DISRUPTION_BUDGETS, NETWORK_POLICIES]) {
        stores.set(resource, test1.runtime.cache({ resource, namespace }));
      }
      await test1.runtime.start();
      await waitFor(() => test1.runtime.isLeading);
      await Promise.all([...stores.values()].map(({ synced }) => synced));
      const name = `owner-${Math.random().toString(36).slice(2)}`;
      const made = await api.client.create<KubeObject>(CONFIG_MAPS, configMap(namespace, name));
      owner = { apiVersion: "v1", kind: "ConfigMap", name, uid: made.metadata.uid ?? "" };
    }

    const apply = (resource: Resource, intent: object) => {
      const store = stores.get(resource);
      if (!store) throw new Error("the resource is cached");
      return test1.runtime.children.apply(intent as KubeObject, { owner, resource, store });
    };

    test.each(Object.entries(intents()))(
      "%s at rest costs nothing, whatever the server adds",
      async (_, [resource, spec]) => {
        await lead();
        const intent = { metadata: { namespace, name: "rest", labels: { app: "x" } }, ...spec };
        expect(await apply(resource, intent)).toMatchObject({ kind: "Applied" });
        expect(await apply(resource, intent)).toMatchObject({ kind: "Unchanged" });
        const live = await api.client.get(resource, { namespace, name: "rest" });
        await waitFor(
          () =>
            stores.get(resource)?.get(namespace, "rest")?.metadata.resourceVersion === live?.metadata.resourceVersion,
        );
        expect(await apply(resource, intent)).toMatchObject({ kind: "Unchanged" });
        await api.client.delete(resource, { namespace, name: "rest" }, { uid: live?.metadata.uid ?? "" });
      },
    );

    test("a hand edit heals, a field that is meant no more goes, what others set stays", async () => {
      await lead();
      const scope = { namespace, name: "edited" };
      await apply(CONFIG_MAPS, { metadata: scope, data: { a: "1", b: "2" } });
      await api.client.merge(CONFIG_MAPS, { scope, body: { data: { a: "edited", other: "x" } } });
      const healed = await waitFor(async () => {
        const result = await apply(CONFIG_MAPS, { metadata: scope, data: { a: "1", b: "2" } });
        return result.kind === "Applied" ? result : undefined;
      });
      expect(healed.difference).toBe("data.a");
      await apply(CONFIG_MAPS, { metadata: scope, data: { a: "1" } });
      expect(await api.client.get<Data>(CONFIG_MAPS, scope)).toMatchObject({ data: { a: "1", other: "x" } });
    });

    test("an object that isn't ours is left alone, also one that the cache does not select", async () => {
      await lead();
      const scope = { namespace, name: "foreign" };
      const made = await api.client.create<Data>(CONFIG_MAPS, { metadata: scope, data: { a: "theirs" } } as Data);
      expect(await apply(CONFIG_MAPS, { metadata: scope, data: { a: "ours" } })).toMatchObject({
        kind: "FieldConflict",
      });
      const after = await api.client.get<Data>(CONFIG_MAPS, scope);
      expect(after?.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
    });

    test("one that was made anew meanwhile is neither changed nor deleted", async () => {
      await lead();
      const scope = { namespace, name: "replaced" };
      const result = await apply(CONFIG_MAPS, { metadata: scope, data: { a: "1" } });
      if (result.kind !== "Applied") throw new Error("the child was made");
      const stale = result.object;
      await api.client.delete(CONFIG_MAPS, scope, { uid: stale.metadata.uid ?? "" });
      await api.client.create(CONFIG_MAPS, { metadata: scope, data: { a: "theirs" } } as Data);
      const call = { owner, resource: CONFIG_MAPS, store: stores.get(CONFIG_MAPS) as ObjectStore<KubeObject> };
      await expect(test1.runtime.children.remove(stale, call)).rejects.toMatchObject({ status: 409 });
      // A cache that still has the first one.
      const behind = { ...call, store: { byKey: () => stale, put: () => true } as unknown as ObjectStore<KubeObject> };
      const intent = { metadata: scope, data: { a: "2" } } as Data;
      expect(await test1.runtime.children.apply(intent, behind)).toEqual({ kind: "Terminating" });
      expect(await api.client.get<Data>(CONFIG_MAPS, scope)).toMatchObject({ data: { a: "theirs" } });
    });
  });

  test("a status is written once, and not to another object of that name", async () => {
    const { runtime } = ground.runtime(namespace, { leaseName: "status" });
    const store = runtime.cache({ resource: DISRUPTION_BUDGETS, namespace });
    await runtime.start();
    await waitFor(() => runtime.isLeading);
    const live = await api.client.create<KubeObject>(DISRUPTION_BUDGETS, {
      metadata: { namespace, name: "budget" },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: "none" } } },
    } as KubeObject);
    const status = {
      currentHealthy: 3,
      desiredHealthy: 3,
      disruptionsAllowed: 1,
      expectedPods: 3,
      conditions: [{ type: "Ready", status: "True", reason: "Fine", message: "all is well" }],
    } as const;
    const call = { resource: DISRUPTION_BUDGETS, store };
    expect(await runtime.status.write(live, status, call)).toEqual({ kind: "Written" });
    const written = await api.client.get<typeof live>(DISRUPTION_BUDGETS, { namespace, name: "budget" });
    expect(written).toMatchObject({
      status: {
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: "Ready", lastTransitionTime: expect.any(String) }),
        ]),
      },
    });
    const other = { ...live, metadata: { ...live.metadata, uid: "00000000-0000-0000-0000-000000000000" } };
    await expect(runtime.status.write(other, status, call)).rejects.toMatchObject({ status: 422 });
  });

  test("an event is there to be read, and repeated ones are one", async () => {
    const { runtime } = ground.runtime(namespace);
    const object = await api.client.create<KubeObject>(CONFIG_MAPS, configMap(namespace, "told"));
    const news = {
      resource: CONFIG_MAPS,
      object,
      type: "Warning",
      reason: "Blocked",
      action: "Wait",
      message: "x",
    } as const;
    for (let i = 0; i < 5; i++) runtime.events.record(news);
    await runtime.events.flush();
    const parameters = { fieldSelector: "regarding.name=told" };
    const { items } = await api.client.listPage(EVENTS, { namespace, parameters });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ reason: "Blocked", note: "x", regarding: { kind: "ConfigMap", name: "told" } });
    await runtime.start();
  });

  test("one of two operators works; at its stop the other one does, on everything; at rest nobody writes", async () => {
    const worked: string[] = [];
    const start = async (who: string) => {
      const { runtime, metrics } = ground.runtime(namespace, { leaseName: "two" });
      const store = runtime.cache(selection());
      const reconciler = {
        reconcile: async (key: string) => {
          worked.push(`${who} ${key}`);
          return {};
        },
      };
      const controller = runtime.control({ name: "things", concurrency: 2 }, { reconciler, keys: () => store.keys() });
      store.onChange(({ key }) => controller.add(key, "change"));
      await runtime.start();
      return { runtime, metrics };
    };
    await api.client.create(CONFIG_MAPS, configMap(namespace, "two"));
    const first = await start("first");
    await waitFor(() => worked.includes(`first ${namespace}/two`));
    const second = await start("second");
    const ready = () => fetch(`http://127.0.0.1:${second.runtime.port}/readyz`);
    await waitFor(async () => (await ready()).status === 200);
    await api.client.merge(CONFIG_MAPS, { scope: { namespace, name: "two" }, body: { data: { a: "b" } } });
    await waitFor(() => worked.filter((one) => one === `first ${namespace}/two`).length > 1);
    expect(worked.some((one) => one.startsWith("second"))).toBe(false);
    for (const verb of ["create", "apply", "patch", "delete"]) {
      const resources = await sumOf(first.metrics, "pika_operator_api_requests_total", { verb });
      expect([verb, resources]).toEqual([verb, verb === "create" ? 1 : 0]);
    }
    await first.runtime.stop();
    await waitFor(() => worked.includes(`second ${namespace}/two`));
  });
});

/** Children as an operator makes them: what the API server adds to each must not look like an edit. */
function intents(): Readonly<Record<string, readonly [Resource, object]>> {
  const selector = { matchLabels: { app: "x" } };
  const container = {
    name: "node",
    image: "pika:1",
    args: ["node"],
    ports: [
      { name: "client", containerPort: 9221 },
      { name: "peer", containerPort: 9222 },
    ],
    env: [
      { name: "A", value: "1000m" },
      { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1000m" } } },
    ],
    resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { cpu: 2, memory: "2048Mi" } },
    readinessProbe: { httpGet: { path: "/readyz", port: 9223 }, periodSeconds: 2 },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    volumeMounts: [
      { name: "data", mountPath: "/data" },
      { name: "tmp", mountPath: "/tmp" },
    ],
  };
  const pod = {
    metadata: { labels: { app: "x" }, annotations: {} },
    spec: {
      containers: [container],
      volumes: [
        { name: "tmp", emptyDir: {} },
        { name: "c", configMap: { name: "c" } },
        { name: "m", emptyDir: { sizeLimit: "1024Mi" } },
      ],
      securityContext: { runAsNonRoot: true, fsGroup: 1000, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 60,
      automountServiceAccountToken: false,
      tolerations: [],
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway", labelSelector: selector },
      ],
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, podAffinityTerm: { topologyKey: "host", labelSelector: selector } },
          ],
        },
      },
    },
  };
  const statefulSet = {
    replicas: 3,
    serviceName: "x",
    podManagementPolicy: "Parallel",
    selector,
    template: pod,
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 3 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1024Mi" } } },
      },
    ],
  };
  const ports = [
    { name: "client", port: 9221, targetPort: "client" },
    { name: "peer", port: 9222 },
  ];
  return {
    "a StatefulSet": [STATEFUL_SETS, { spec: statefulSet }],
    "a StatefulSet of none, without partition": [
      STATEFUL_SETS,
      {
        spec: {
          ...statefulSet,
          replicas: 0,
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
        },
      },
    ],
    "a Service": [SERVICES, { spec: { selector: { app: "x" }, ports } }],
    "a headless Service": [
      SERVICES,
      { spec: { clusterIP: "None", publishNotReadyAddresses: true, selector: { app: "x" }, ports } },
    ],
    "a disruption budget": [
      DISRUPTION_BUDGETS,
      { spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector } },
    ],
    "a budget of none": [DISRUPTION_BUDGETS, { spec: { maxUnavailable: 0, selector } }],
    "a network policy": [
      NETWORK_POLICIES,
      {
        spec: {
          podSelector: selector,
          policyTypes: ["Ingress"],
          ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 9221 }, { port: 9222, protocol: "TCP" }] }, {}],
        },
      },
    ],
    "a ConfigMap without data": [CONFIG_MAPS, { data: {} }],
  };
}
