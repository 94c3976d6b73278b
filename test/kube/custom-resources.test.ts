/**
 * The CRDs on a real API server: every rule accepts what it should, refuses what it should with its message, and a rule
 * on changes is not walked around by removing a field and adding it again.
 */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { customResourceDefinitions } from "../../operator/api/v1alpha1/custom-resources.ts";
import type { KubeObject, Resource } from "../../operator/kube/core/api-object.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ApiClient, connectApi } from "./api-client.ts";
import { hasControlPlane, type SharedCluster, shareControlPlane } from "./shared-control-plane.ts";

type Spec = Readonly<Record<string, unknown>>;
type Custom = KubeObject & { readonly spec: Spec; readonly status?: Spec };

const CRDS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  isNamespaced: false,
};
const NAMESPACES: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", isNamespaced: false };
const resourceOf = (kind: string): Resource => ({
  group: "pika.io",
  version: "v1alpha1",
  plural: `${kind.toLowerCase()}s`,
  kind,
  isNamespaced: true,
});
const CLUSTERS = resourceOf("PikaCluster");
const TABLES = resourceOf("PikaTable");

const nodes = (more: Spec = {}): Spec => ({ nodes: more });
const sized = (size: string): Spec => nodes({ storage: { size } });
const classed = (storageClassName: string): Spec => nodes({ storage: { storageClassName } });
const etcd = (more: Spec): Spec => ({ nodes: {}, etcd: more });
const zoned = (...names: string[]): Spec => nodes({ zones: names.map((name) => ({ name })) });
const table = (more: Spec = {}): Spec => ({ clusterRef: { name: "c1" }, ...more });
const external = { endpoints: ["https://etcd.example:2379"] };

/** What is created, and whether it is accepted: "" or the words of the refusal. */
const CREATED: readonly (readonly [what: string, resource: Resource, spec: Spec, refusal: string])[] = [
  ["the least", CLUSTERS, nodes(), ""],
  ["no nodes", CLUSTERS, {}, "spec.nodes: Required value"],
  ["no replicas", CLUSTERS, nodes({ replicas: 0 }), "greater than or equal to 1"],
  ["too many replicas", CLUSTERS, nodes({ replicas: 257 }), "less than or equal to 256"],
  ["a size that is no amount", CLUSTERS, sized("ten"), "should match"],
  ["the same zone twice", CLUSTERS, zoned("a", "a"), "Duplicate value"],
  ["an even number of managers", CLUSTERS, { nodes: {}, manager: { replicas: 2 } }, "Unsupported value: 2"],
  ["one manager", CLUSTERS, { nodes: {}, manager: { replicas: 1 } }, ""],
  ["managed etcd", CLUSTERS, etcd({ managed: { replicas: 5 } }), ""],
  ["external etcd", CLUSTERS, etcd({ external }), ""],
  ["both kinds of etcd", CLUSTERS, etcd({ managed: {}, external }), "at most one of managed and external"],
  ["etcd of four", CLUSTERS, etcd({ managed: { replicas: 4 } }), "Unsupported value: 4"],
  ["TLS without a certificate", CLUSTERS, { nodes: {}, tls: { mode: "Required" } }, "Required needs a certificate"],
  ["TLS from a Secret", CLUSTERS, { nodes: {}, tls: { mode: "Required", secretRef: { name: "s" } } }, ""],
  [
    "TLS from two places",
    CLUSTERS,
    { nodes: {}, tls: { secretRef: { name: "s" }, certManager: { issuerRef: { name: "i" } } } },
    "at most one of secretRef and certManager",
  ],
  ["options of nodes as text and number", CLUSTERS, nodes({ config: { cacheBytes: "1Gi", maxClients: 5 } }), ""],
  ["options of nodes as a list", CLUSTERS, nodes({ config: { cacheBytes: [] } }), "must be of type"],
  [
    "a sidecar as Kubernetes has it",
    CLUSTERS,
    nodes({ podTemplate: { sidecars: [{ name: "s", image: "i", args: ["x"] }] } }),
    "",
  ],
  [
    "a sidecar without a name",
    CLUSTERS,
    nodes({ podTemplate: { sidecars: [{ image: "i" }] } }),
    "name: Required value",
  ],
  ["a table", TABLES, table(), ""],
  ["a table without a cluster", TABLES, {}, "spec.clusterRef: Required value"],
  ["slots that are no power of two", TABLES, table({ slots: 100 }), "Unsupported value: 100"],
  ["one slot", TABLES, table({ slots: 1 }), ""],
  ["all slots", TABLES, table({ slots: 16_384 }), ""],
  ["a table called admin", TABLES, table({ tableName: "admin" }), "not 'admin', which is the administrator"],
  ["a table with a bad name", TABLES, table({ tableName: "Big_One" }), "lower-case letters, digits and '-'"],
];

const fixed = (field: string) => `spec.${field} cannot be changed`;

/** A change, and whether it is accepted. */
const CHANGED: readonly (readonly [what: string, resource: Resource, from: Spec, to: Spec, refusal: string])[] = [
  ["a volume grows", CLUSTERS, sized("10Gi"), sized("11Gi"), ""],
  ["a volume grows in another unit", CLUSTERS, sized("1024Mi"), sized("2Gi"), ""],
  ["a volume shrinks", CLUSTERS, sized("10Gi"), sized("9Gi"), "can only grow"],
  ["a volume shrinks to the default", CLUSTERS, sized("20Gi"), nodes(), "can only grow"],
  ["a volume shrinks from the default", CLUSTERS, nodes(), sized("9Gi"), "can only grow"],
  ["a volume of the default size is named", CLUSTERS, nodes(), sized("10Gi"), ""],
  ["a class changes", CLUSTERS, classed("a"), classed("b"), "storageClassName cannot be changed"],
  ["a class is removed", CLUSTERS, classed("a"), nodes(), "storageClassName cannot be changed"],
  ["a class is added", CLUSTERS, nodes(), classed("a"), "storageClassName cannot be changed"],
  ["another zone", CLUSTERS, zoned("a"), zoned("b", "a"), ""],
  ["from zones to none", CLUSTERS, zoned("a"), nodes(), "spec.nodes.zones cannot go from none"],
  ["from zones to an empty list", CLUSTERS, zoned("a"), zoned(), "spec.nodes.zones cannot go from none"],
  ["from none to zones", CLUSTERS, nodes(), zoned("a"), "spec.nodes.zones cannot go from none"],
  ["an empty list of zones is left out", CLUSTERS, zoned(), nodes(), ""],
  ["etcd becomes external", CLUSTERS, nodes(), etcd({ external }), "between managed and external"],
  ["etcd becomes managed", CLUSTERS, etcd({ external }), nodes(), "between managed and external"],
  ["another endpoint", CLUSTERS, etcd({ external }), etcd({ external: { endpoints: ["https://b:1"] } }), ""],
  [
    "a prefix changes",
    CLUSTERS,
    etcd({ external }),
    etcd({ external: { ...external, prefix: "/x" } }),
    "prefix cannot",
  ],
  ["etcd of the default size is named", CLUSTERS, nodes(), etcd({ managed: { replicas: 3 } }), ""],
  [
    "etcd gets more members",
    CLUSTERS,
    nodes(),
    etcd({ managed: { replicas: 5 } }),
    "fixed when the cluster is created",
  ],
  ["etcd loses its size", CLUSTERS, etcd({ managed: { replicas: 1 } }), nodes(), "fixed when the cluster is created"],
  ["etcd's volume grows", CLUSTERS, nodes(), etcd({ managed: { storage: { size: "3Gi" } } }), ""],
  ["etcd's volume shrinks", CLUSTERS, etcd({ managed: { storage: { size: "3Gi" } } }), nodes(), "can only grow"],
  [
    "etcd's class is added",
    CLUSTERS,
    nodes(),
    etcd({ managed: { storage: { storageClassName: "a" } } }),
    "etcd.managed.storage.storageClassName cannot be changed",
  ],
  ["the number of nodes and managers", CLUSTERS, nodes(), { nodes: { replicas: 5 }, manager: { replicas: 1 } }, ""],
  ["a table moves to another cluster", TABLES, table(), table({ clusterRef: { name: "c2" } }), fixed("clusterRef")],
  ["a table gets a name", TABLES, table(), table({ tableName: "other" }), fixed("tableName")],
  ["a table loses its name", TABLES, table({ tableName: "other" }), table(), fixed("tableName")],
  ["a table's default slots are named", TABLES, table(), table({ slots: 64 }), ""],
  ["a table's slots change", TABLES, table(), table({ slots: 128 }), fixed("slots")],
  ["a table's slots are removed", TABLES, table({ slots: 16 }), table(), fixed("slots")],
  ["consistency changes", TABLES, table(), table({ consistency: "Consistent" }), fixed("consistency")],
  ["consistency is removed", TABLES, table({ consistency: "Consistent" }), table(), fixed("consistency")],
  ["replicas and routing change", TABLES, table(), table({ replicas: 3, clientRouting: "Redirect" }), ""],
];

describe.runIf(hasControlPlane())("the CustomResourceDefinitions", () => {
  let cluster: SharedCluster;
  let api: ApiClient;
  const namespace = `crds-${randomBytes(4).toString("hex")}`;
  let namespaceUid = "";
  let count = 0;

  beforeAll(async () => {
    cluster = await shareControlPlane();
    api = connectApi(cluster.kubeconfig);
    for (const definition of customResourceDefinitions()) {
      await api.client.apply(CRDS, definition as unknown as KubeObject, { fieldManager: "test", isForced: true });
    }
    const made = await api.client.create(NAMESPACES, object("Namespace", namespace, undefined));
    namespaceUid = made.metadata.uid ?? "";
    await waitFor(() => api.client.listPage(TABLES, { namespace, parameters: {} }).catch(() => undefined));
  }, 60_000);
  afterAll(async () => {
    if (namespaceUid !== "") await api.client.delete(NAMESPACES, { name: namespace }, { uid: namespaceUid });
    api?.close();
    cluster?.release();
  });

  function object(kind: string, name: string, spec: Spec | undefined): Custom {
    const isCustom = spec !== undefined;
    return {
      apiVersion: isCustom ? "pika.io/v1alpha1" : "v1",
      kind,
      metadata: isCustom ? { name, namespace } : { name },
      ...(isCustom ? { spec } : {}),
    } as Custom;
  }

  const create = (resource: Resource, spec: Spec, name = `o${count++}`): Promise<Custom> =>
    api.client.create<Custom>(resource, object(resource.kind, name, spec));

  test.each(CREATED)("created: %s", async (_what, resource, spec, refusal) => {
    const created = create(resource, spec);
    if (refusal === "") expect((await created).metadata.uid).toBeTruthy();
    else await expect(created).rejects.toThrow(refusal);
  });

  test.each(CHANGED)("changed: %s", async (_what, resource, from, to, refusal) => {
    const { metadata } = await create(resource, from);
    const changed = api.client.update<Custom>(resource, {
      ...object(resource.kind, metadata.name ?? "", to),
      metadata,
    });
    if (refusal === "") expect((await changed).metadata.generation).toBeGreaterThanOrEqual(1);
    else await expect(changed).rejects.toThrow(refusal);
  });

  test.each([
    [CLUSTERS, nodes(), "a".repeat(41), "metadata.name must be at most 40"],
    [CLUSTERS, nodes(), "1abc", "metadata.name must be at most 40"],
    [CLUSTERS, nodes(), "a.b", "metadata.name must be at most 40"],
    [CLUSTERS, nodes(), "a".repeat(40), ""],
    [TABLES, table(), "admin", "may not be called 'admin'"],
    [TABLES, table({ tableName: "other" }), "admin", ""],
  ])("named: %#", async (resource, spec, name, refusal) => {
    const created = create(resource, spec, name);
    if (refusal === "") expect((await created).metadata.name).toBe(name);
    else await expect(created).rejects.toThrow(refusal);
  });

  test("a zone goes only when no node is there", async () => {
    const { metadata } = await create(CLUSTERS, zoned("a", "b"));
    const name = metadata.name ?? "";
    const report = (zones: readonly Spec[]) =>
      api.client.merge<Custom>(CLUSTERS, {
        scope: { namespace, name, subresource: "status" },
        body: { status: { nodes: { zones } } },
      });
    const change = (spec: Spec) => api.client.merge<Custom>(CLUSTERS, { scope: { namespace, name }, body: { spec } });
    await report([
      { name: "a", nodes: 2 },
      { name: "b", nodes: 1 },
    ]);
    await expect(change(zoned("a"))).rejects.toThrow("a zone that still has nodes cannot be removed");
    await report([
      { name: "a", nodes: 2 },
      { name: "b", nodes: 0 },
    ]);
    expect((await change(zoned("a"))).spec).toMatchObject(zoned("a"));
  });

  test("defaults are filled in where there is an object to hold them, and nowhere else", async () => {
    expect((await create(CLUSTERS, nodes())).spec).toEqual({
      nodes: { replicas: 3 },
      version: "",
      image: "",
      featureLevel: "",
      progressDeadlineSeconds: 600,
      suspend: false,
      deletionPolicy: "Retain",
    });
    expect((await create(CLUSTERS, { nodes: { storage: {} }, tls: {} })).spec).toMatchObject({
      nodes: { storage: { size: "10Gi", onScaleIn: "Retain" } },
      tls: { mode: "Disabled" },
    });
  });

  test("the scale subresource changes the number of nodes", async () => {
    const { metadata } = await create(CLUSTERS, nodes());
    const name = metadata.name ?? "";
    await api.client.merge(CLUSTERS, {
      scope: { namespace, name, subresource: "scale" },
      body: { spec: { replicas: 5 } },
    });
    expect((await api.client.get<Custom>(CLUSTERS, { namespace, name }))?.spec).toMatchObject(nodes({ replicas: 5 }));
  });

  test("a status is taken as the schema has it, and the spec stays", async () => {
    const { metadata } = await create(TABLES, table());
    const name = metadata.name ?? "";
    const ready = { type: "Ready", status: "True", reason: "AsDesired", message: "all slots have a leader" };
    const body = {
      status: { replicas: 2, keys: 1_200_000, conditions: [{ ...ready, lastTransitionTime: "2026-01-01T00:00:00Z" }] },
      spec: { replicas: 7 },
    };
    const scope = { namespace, name, subresource: "status" as const };
    const changed = await api.client.merge<Custom>(TABLES, { scope, body });
    expect(changed.status).toEqual(body.status);
    expect(changed.spec).not.toHaveProperty("replicas");
    const wrong = { status: { conditions: [{ type: "Ready", status: "Maybe", reason: "X", message: "" }] } };
    await expect(api.client.merge(TABLES, { scope, body: wrong })).rejects.toThrow("Unsupported value");
  });
});
