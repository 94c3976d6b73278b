import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { clusterSpec } from "../../../operator/api/v1alpha1/pika-cluster.ts";
import { clusterChildren } from "../../../operator/resources/children.ts";
import type { ClusterBlueprint } from "../../../operator/resources/cluster-blueprint.ts";
import type { SetChoice } from "../../../operator/resources/stateful-sets.ts";

function blueprintOf(spec: object, over: Partial<ClusterBlueprint> = {}): ClusterBlueprint {
  return {
    namespace: "team",
    name: "demo",
    spec: clusterSpec.parse({ nodes: {}, ...spec }),
    clusterId: "0123456789abcdef0123456789abcdef",
    isBootstrapped: true,
    version: "0.1.0",
    image: "localhost/pika:0.1.0",
    etcdImage: "localhost/etcd:test",
    clusterDomain: "cluster.local",
    hasEtcdCertificate: true,
    nodeFlags: {},
    ...over,
  };
}

function childrenOf(
  blueprint: ClusterBlueprint,
  nodes: ReadonlyMap<string, SetChoice> = new Map([["", { replicas: 3 }]]),
) {
  return clusterChildren(blueprint, {
    secrets: { cluster: "YQ==", admin: "Yg==" },
    etcd: { replicas: 3 },
    manager: { replicas: 3 },
    nodes,
    memberCounts: { etcd: 3, manager: 3, node: 3 },
    mayLoseNode: true,
  });
}

function render(children: ReturnType<typeof childrenOf>): string {
  const documents = children.map(({ resource, object }) =>
    stringify({ kind: resource.kind, ...object }, { aliasDuplicateObjects: false }),
  );
  return documents.join("---\n");
}

const golden = (name: string) => join(import.meta.dirname, "golden", `${name}.yaml`);

/** Input hashes by StatefulSet. */
function hashesOf(blueprint: ClusterBlueprint) {
  const sets = childrenOf(blueprint).filter(({ resource }) => resource.kind === "StatefulSet");
  return sets.map(({ object }) => {
    const { template } = object.spec as { template: { metadata: { annotations: Record<string, string> } } };
    return template.metadata.annotations["pika.io/input-hash"];
  });
}

describe("the objects of a cluster", () => {
  test("the quickstart", async () => {
    await expect(render(childrenOf(blueprintOf({})))).toMatchFileSnapshot(golden("quickstart"));
  });

  test("zones, an external etcd with a certificate and a password, pods with a template, policies", async () => {
    const spec = {
      nodes: {
        zones: [{ name: "a" }, { name: "b" }],
        storage: { size: "1Gi", storageClassName: "fast" },
        podTemplate: { labels: { team: "x" }, resources: { requests: { cpu: "1" } }, env: [{ name: "A", value: "b" }] },
      },
      etcd: {
        external: { endpoints: ["https://e:2379"], tlsSecretRef: { name: "tls" }, authSecretRef: { name: "login" } },
      },
      service: { type: "LoadBalancer", externalTrafficPolicy: "Local", annotations: { a: "b" } },
      networkPolicy: { clients: [] },
    };
    const zones = new Map([
      ["a", { replicas: 2, isRenewing: true }],
      ["b", { replicas: 1, claimSize: "512Mi" }],
    ]);
    const children = childrenOf(blueprintOf(spec, { nodeFlags: { "cache-bytes": "64Mi" } }), zones);
    await expect(render(children)).toMatchFileSnapshot(golden("three-zones"));
  });

  test("pods are renewed for their inputs alone", () => {
    const hashes = hashesOf(blueprintOf({}));
    expect(hashesOf(blueprintOf({ suspend: true, nodes: { replicas: 7 } }, { clusterDomain: "other" }))).toEqual(
      hashes,
    );
    expect(hashesOf(blueprintOf({}, { version: "0.2.0" }))).toEqual([
      hashes[0],
      expect.any(String),
      expect.any(String),
    ]);
    const [etcd, manager, node] = hashesOf(blueprintOf({}, { nodeFlags: { fsync: "no" } }));
    expect([etcd, manager]).toEqual(hashes.slice(0, 2));
    expect(node).not.toBe(hashes[2]);
  });
});
