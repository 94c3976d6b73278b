/** The whole test cluster does what a Kubernetes does, and suffers what it is made to suffer. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster } from "../kube/cluster.ts";
import { hasCluster } from "../kube/cluster-needs.ts";
import { IMAGES, PROGRAM_LAYOUT } from "../kube/image-layout.ts";
import type { KubeObject } from "../kube/kube-api.ts";
import type { Pod } from "../kube/network-policies.ts";
import { waitFor } from "../support/wait-for.ts";

const SERVER = `require("node:http").createServer((q, a) => a.end(process.env.HOSTNAME)).listen(8080)`;

interface Claim extends KubeObject {
  readonly status: { readonly capacity: { readonly storage: string } };
}

function container(code: string): unknown {
  return {
    name: "main",
    image: IMAGES.program,
    command: [PROGRAM_LAYOUT.node, "-e", code],
    volumeMounts: [{ name: "data", mountPath: "/data" }],
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
    securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
  };
}

const statefulSet = {
  apiVersion: "apps/v1",
  kind: "StatefulSet",
  metadata: { name: "web" },
  spec: {
    replicas: 3,
    serviceName: "web",
    podManagementPolicy: "Parallel",
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [container(SERVER)],
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: "topology.kubernetes.io/zone",
            whenUnsatisfiable: "DoNotSchedule",
            labelSelector: { matchLabels: { app: "web" } },
          },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: "sized",
          resources: { requests: { storage: "8Mi" } },
        },
      },
    ],
  },
};

const services = [
  { name: "web", spec: { clusterIP: "None", selector: { app: "web" }, ports: [{ port: 8080 }] } },
  { name: "any", spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: 8080 }] } },
].map(({ name, spec }) => ({ apiVersion: "v1", kind: "Service", metadata: { name }, spec }));

describe.runIf(hasCluster())("a cluster", () => {
  const cluster = new Cluster({ images: ["program"] });
  const pods = (): Promise<readonly Pod[]> => cluster.api.list<Pod>("/api/v1/namespaces/default/pods");
  const run = (pod: string, code: string): Promise<string> =>
    cluster.kubectl("exec", pod, "--", PROGRAM_LAYOUT.node, "-e", code);
  /** What a pod gets from a URL, or how that failed. */
  const fetchFrom = (pod: string, url: string): Promise<string> =>
    run(
      pod,
      `fetch("${url}",{signal:AbortSignal.timeout(2000)}).then(r=>r.text()).catch(e=>"failed").then(console.log)`,
    ).then((text) => text.trim());
  const isReady = async (count: number): Promise<boolean> => {
    type Set = { readonly status: { readonly readyReplicas?: number } };
    const { status } = await cluster.api.get<Set>("/apis/apps/v1/namespaces/default/statefulsets/web");
    return (status.readyReplicas ?? 0) === count;
  };
  const ready = (count: number): Promise<boolean> =>
    waitFor(() => isReady(count), { timeoutMs: 90_000, what: `${count} ready pods` });

  beforeAll(async () => {
    await cluster.start();
    for (const service of services) await cluster.api.post("/api/v1/namespaces/default/services", service);
    await cluster.api.post("/apis/apps/v1/namespaces/default/statefulsets", statefulSet);
    await ready(3);
  });
  afterAll(() => cluster.stop());

  test("spreads pods with volumes over three zones", async () => {
    expect(new Set((await pods()).map(({ spec }) => spec.nodeName)).size).toBe(3);
  });

  test("names pods and Services, and joins them", async () => {
    await waitFor(async () => (await fetchFrom("web-0", "http://web-1.web:8080")) === "web-1");
    const any = "http://any.default.svc.cluster.local";
    await waitFor(async () => /^web-\d$/.test(await fetchFrom("web-0", any)));
    expect(await cluster.tree.run(["cat", "/etc/resolv.conf"])).toContain("198.51.101.2");
  });

  test("enforces a NetworkPolicy, and lets go when it is gone", async () => {
    const path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies";
    const from = [{ podSelector: { matchLabels: { "statefulset.kubernetes.io/pod-name": "web-2" } } }];
    await cluster.api.post(path, {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "narrow" },
      spec: { podSelector: { matchLabels: { app: "web" } }, ingress: [{ from, ports: [{ port: 8080 }] }] },
    });
    await waitFor(async () => (await fetchFrom("web-0", "http://web-1.web:8080")) === "failed");
    expect(await fetchFrom("web-2", "http://web-1.web:8080")).toBe("web-1");
    await cluster.api.delete(`${path}/narrow`);
    await waitFor(async () => (await fetchFrom("web-0", "http://web-1.web:8080")) === "web-1");
  });

  test("fills a volume, grows it, loses what it held", async () => {
    const write = `try{require("fs").writeFileSync("/data/x","y".repeat(1e6));console.log("ok")}catch(e){console.log(e.code)}`;
    await cluster.fillVolume("default/data-web-0");
    expect((await run("web-0", write)).trim()).toBe("ENOSPC");
    const path = "/api/v1/namespaces/default/persistentvolumeclaims/data-web-0";
    await cluster.api.patch(path, { spec: { resources: { requests: { storage: "16Mi" } } } });
    await waitFor(async () => (await cluster.api.get<Claim>(path)).status.capacity.storage === "16Mi");
    expect((await run("web-0", write)).trim()).toBe("ok");
    await cluster.loseVolume("default/data-web-0");
    expect((await run("web-0", `console.log(require("fs").readdirSync("/data").length)`)).trim()).toBe("0");
  });

  test("cuts a node off and gives it back", async () => {
    const node = (await pods()).find(({ metadata }) => metadata.name === "web-1")?.spec.nodeName as string;
    await cluster.cutOffNode(node);
    expect(await fetchFrom("web-0", "http://web-1.web:8080")).toBe("failed");
    await cluster.cutOffNode(node, false);
    await waitFor(async () => (await fetchFrom("web-0", "http://web-1.web:8080")) === "web-1");
  });

  test("drains a node, which pods leave, and takes it back", async () => {
    await cluster.kubectl("drain", "n2", "--ignore-daemonsets", "--delete-emptydir-data");
    const isEmpty = async (): Promise<boolean> => (await pods()).every(({ spec }) => spec.nodeName !== "n2");
    await waitFor(isEmpty);
    await cluster.kubectl("uncordon", "n2");
    await ready(3);
  });

  test("loses a node, which comes back with its pods", async () => {
    await cluster.loseNode("n3");
    await cluster.nodesReady(["n3"], false);
    await ready(2);
    await cluster.reviveNode("n3");
    await cluster.nodesReady(["n3"]);
    await ready(3);
  });

  test("leaves no cgroup, file or process when it stops", async () => {
    const brief = new Cluster();
    await brief.start();
    const { pid } = brief.tree;
    const folders = (): string[] => [...readdirSync(tmpdir()), ...cgroupsOf("/sys/fs/cgroup")];
    const before = folders().filter((name) => name.startsWith("pika-cluster-"));
    await brief.stop();
    const after = folders().filter((name) => name.startsWith("pika-cluster-"));
    expect(before.length).toBeGreaterThan(after.length);
    expect(new Set(after).size).toBe(1);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });
});

function cgroupsOf(mount: string): string[] {
  return readdirSync(mount).flatMap((name) =>
    statSync(`${mount}/${name}`).isDirectory() ? readdirSync(`${mount}/${name}`) : [],
  );
}
