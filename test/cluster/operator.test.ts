/** What becomes of data on a whole Kubernetes when a cluster is renewed, suspended, lost and made again. */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHART } from "../chart/helm.ts";
import { Cluster } from "../kube/cluster.ts";
import { hasCluster } from "../kube/cluster-needs.ts";
import { IMAGES } from "../kube/image-layout.ts";
import type { KubeObject } from "../kube/kube-api.ts";
import { programPath } from "../kube/tool-cache.ts";
import { waitFor } from "../support/wait-for.ts";

const QUICKSTART = join(import.meta.dirname, "../../examples/quickstart.yaml");
const SYSTEM = "pika-system";
const NAMESPACE = "data";
const KEY_COUNT = 200;

interface Claim extends KubeObject {
  readonly status: { readonly capacity?: { readonly storage: string } };
}

describe.runIf(hasCluster())("data on a whole Kubernetes outlive", () => {
  const cluster = new Cluster({ images: ["program", "etcd"] });
  const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl("-n", NAMESPACE, ...args);
  const redis = async (...args: readonly string[]): Promise<string> => {
    const command = ["redis-cli", "-h", `demo.${NAMESPACE}.svc.cluster.local`, "-p", "6379", ...args];
    return (await cluster.tree.run(command)).trim();
  };
  const pods = async (component: string): Promise<readonly KubeObject[]> => {
    const all = await cluster.api.list<KubeObject>(`/api/v1/namespaces/${NAMESPACE}/pods`);
    return all.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === component);
  };
  const edit = (spec: object): Promise<string> =>
    kubectl("patch", "pikacluster/demo", "--type=merge", "-p", JSON.stringify({ spec }));
  /** Of the present generation. */
  const ready = async (): Promise<void> => {
    await waitFor(
      async () => {
        const text = await kubectl("get", "pikacluster/demo", "-o", "json");
        const { metadata, status } = JSON.parse(text) as {
          metadata: { generation: number };
          status?: { observedGeneration: number; conditions: { type: string; status: string; reason: string }[] };
        };
        const condition = status?.conditions.find(({ type }) => type === "Ready");
        return status?.observedGeneration === metadata.generation && condition?.status === "True";
      },
      { timeoutMs: 110_000, what: "the cluster to be ready" },
    );
  };
  const checkData = async (): Promise<void> => {
    await waitFor(async () => (await redis("ping")) === "PONG");
    const keys = Array.from({ length: KEY_COUNT }, (_, i) => `key:${i}`);
    const values = (await redis("mget", ...keys)).split("\n");
    expect(values).toEqual(keys.map((key) => `value of ${key}`));
  };

  beforeAll(async () => {
    await cluster.start();
    for (const name of [SYSTEM, NAMESPACE]) {
      await cluster.api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    }
    const [repository, tag] = IMAGES.program.split(":");
    const values = `image.repository=${repository},image.tag=${tag},etcdImage=${IMAGES.etcd}`;
    const kubeconfig = join(cluster.plane.folder, "local.kubeconfig");
    const flags = ["-n", SYSTEM, "--wait", "--timeout", "90s", "--set", values, "--kubeconfig", kubeconfig];
    await cluster.tree.run([programPath("helm"), "install", "pika-operator", CHART, ...flags]);
    await kubectl("apply", "-f", QUICKSTART);
    await ready();
    const pairs = Array.from({ length: KEY_COUNT }, (_, i) => [`key:${i}`, `value of key:${i}`]).flat();
    expect(await redis("mset", ...pairs)).toBe("OK");
  });
  afterAll(() => cluster.stop());

  test("a rolling update, one node at a time", async () => {
    const before = await pods("node");
    await edit({ nodes: { config: { maxClients: 500 } } });
    await ready();
    const after = await pods("node");
    expect(after).toHaveLength(3);
    const kept = new Set(before.map(({ metadata }) => metadata.uid));
    expect(after.filter(({ metadata }) => kept.has(metadata.uid))).toEqual([]);
    await checkData();
  });

  test("volumes that grow, without a restart", async () => {
    const before = (await pods("node")).map(({ metadata }) => metadata.uid);
    await edit({ nodes: { storage: { size: "11Gi" } } });
    await waitFor(
      async () => {
        const claims = await cluster.api.list<Claim>(`/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`);
        const own = claims.filter(({ metadata }) => metadata.name.startsWith("data-demo-nodes-"));
        return own.every(({ status }) => status.capacity?.storage === "11Gi");
      },
      { timeoutMs: 60_000, what: "the volumes to grow" },
    );
    await ready();
    expect((await pods("node")).map(({ metadata }) => metadata.uid)).toEqual(before);
    await checkData();
  });

  test("a suspension", async () => {
    await edit({ suspend: true });
    await kubectl("wait", "--for=delete", "--timeout=90s", "pod", "-l", "pika.io/cluster=demo");
    await edit({ suspend: false });
    await ready();
    await checkData();
  });

  test("the PikaCluster that is deleted and made again", async () => {
    const id = await kubectl("get", "pikacluster/demo", "-o", "jsonpath={.status.clusterID}");
    await kubectl("delete", "pikacluster/demo", "--timeout=60s");
    await kubectl("wait", "--for=delete", "--timeout=90s", "pod", "-l", "pika.io/cluster=demo");
    await kubectl("apply", "-f", QUICKSTART);
    await waitFor(async () => (await kubectl("get", "pikacluster/demo", "-o", "jsonpath={.status.clusterID}")) === id);
    await ready();
    await checkData();
  });
});
