/**
 * The main job on Kubernetes as a user does it: `helm install --wait`, the quickstart example, and redis-cli through the
 * Service. Everything runs under Pod Security's level restricted.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { CHART } from "../chart/helm.ts";
import { Cluster } from "../kube/cluster.ts";
import { hasCluster } from "../kube/cluster-needs.ts";
import { IMAGES, PROGRAM_LAYOUT } from "../kube/image-layout.ts";
import type { KubeObject } from "../kube/kube-api.ts";
import type { Pod } from "../kube/network-policies.ts";
import { programPath } from "../kube/tool-cache.ts";
import { waitFor } from "../support/wait-for.ts";

const EXAMPLES = join(import.meta.dirname, "../../examples");
const SYSTEM = "pika-system";
const NAMESPACE = "shop";
const [REPOSITORY, TAG] = IMAGES.program.split(":");

/** What this machine does not have, or what costs time: replaced in the large examples by less. */
const SMALLER: Readonly<Record<string, unknown>> = {
  storageClassName: undefined,
  resources: undefined,
  size: "1Gi",
  cacheBytes: "32Mi",
};

/** Pings a cluster through its Service until it answers, for three seconds, and says what came. */
const PING = (host: string): string => `
const { connect } = require("node:net");
const socket = connect(6379, "${host}", () => socket.write("PING\\r\\n"));
const end = (text) => { console.log(text); socket.destroy(); clearTimeout(timer); };
const timer = setTimeout(() => end("no answer"), 3000);
socket.once("data", (data) => end(data.toString().trim()));
socket.once("error", (error) => end(error.message));`;

interface Lease extends KubeObject {
  readonly spec: { readonly holderIdentity?: string };
}

describe.runIf(hasCluster())("on a whole Kubernetes", () => {
  const cluster = new Cluster({ images: ["program", "etcd"] });
  const folder = mkdtempSync(join(tmpdir(), "pika-install-"));
  const helm = (...args: readonly string[]): Promise<string> =>
    cluster.tree.run([programPath("helm"), ...args, "--kubeconfig", join(cluster.plane.folder, "local.kubeconfig")]);
  const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl("-n", NAMESPACE, ...args);
  /** redis-cli on a node, through the Service's name. */
  const redis = async (...args: readonly string[]): Promise<string> => {
    const command = ["redis-cli", "-h", `demo.${NAMESPACE}.svc.cluster.local`, "-p", "6379", ...args];
    return (await cluster.tree.run(command)).trim();
  };
  const holder = async (): Promise<string | undefined> => {
    const leases = await cluster.api.list<Lease>(`/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases`);
    return leases.find(({ metadata }) => metadata.name === "pika-operator")?.spec.holderIdentity;
  };
  /** What the operators counted, summed up over their metrics of this name that have this text. */
  const counted = async (name: string, having: string): Promise<number> => {
    const pods = await cluster.api.list<Pod>(`/api/v1/namespaces/${SYSTEM}/pods`);
    const addresses = pods.map(({ status }) => status.podIP);
    const script = `for (const ip of ${JSON.stringify(addresses)})
      fetch("http://" + ip + ":9240/metrics").then((answer) => answer.text()).then(console.log)`;
    const text = await cluster.tree.run([process.execPath, "-e", script]);
    const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(having));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  };

  const createNamespace = async (name: string): Promise<void> => {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await cluster.api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  };
  const applySmaller = async (namespace: string, example: string): Promise<void> => {
    for (const document of parseAllDocuments(readFileSync(join(EXAMPLES, example), "utf8"))) {
      const object = document.toJS() as { readonly kind: string; readonly spec: Record<string, unknown> };
      const shrink = (key: string, value: unknown): unknown => (key in SMALLER ? SMALLER[key] : value);
      if (object.kind === "PikaCluster") (object.spec.nodes as { replicas: number }).replicas = 3;
      else object.spec.slots = 16;
      const path = join(folder, `${namespace}.json`);
      writeFileSync(path, JSON.stringify(object, shrink));
      await cluster.kubectl("-n", namespace, "apply", "-f", path);
    }
  };
  const startClient = async (namespace: string, host: string): Promise<void> => {
    const security = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
    const container = { name: "client", image: IMAGES.program, command: [PROGRAM_LAYOUT.node, "-e", PING(host)] };
    await cluster.api.post(`/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "client" },
      spec: {
        restartPolicy: "Never",
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        // A policy holds a new pod half a second after its start at the latest, those of its peers at once.
        containers: [{ ...container, securityContext: security }],
      },
    });
  };

  beforeAll(async () => {
    await cluster.start();
    for (const name of [SYSTEM, NAMESPACE]) await createNamespace(name);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await cluster.stop();
  });

  test("helm installs the operator, waits for it, and tests it", async () => {
    const values = [`image.repository=${REPOSITORY}`, `image.tag=${TAG}`, `etcdImage=${IMAGES.etcd}`, "replicas=2"];
    const flags = ["-n", SYSTEM, "--wait", "--timeout", "90s", "--set", values.join(",")];
    await helm("install", "pika-operator", CHART, ...flags, "--set", "networkPolicy.restrictEgress=true");
    expect(await helm("test", "pika-operator", "-n", SYSTEM, "--timeout", "60s")).toContain(
      "Phase:          Succeeded",
    );
    expect(await holder()).toBeDefined();
  });

  test("kubectl apply makes a cluster that answers through its Service", async () => {
    await kubectl("apply", "-f", join(EXAMPLES, "quickstart.yaml"));
    await kubectl(
      "wait",
      "--for=condition=Ready",
      "--timeout=100s",
      "pikacluster/demo",
      "pikatable/default",
      "pikatable/orders",
    );
    expect(await redis("set", "hello", "world")).toBe("OK");
    expect(await redis("get", "hello")).toBe("world");
    expect(await redis("--user", "orders", "--pass", "quick-start-only", "--no-auth-warning", "dbsize")).toBe("0");
  });

  test("kubectl scale adds a node, and a table whose data go with it is deleted", async () => {
    await kubectl("scale", "pikacluster/demo", "--replicas=4");
    await kubectl("wait", "--for=jsonpath={.status.nodes.summary}=4/4", "--timeout=60s", "pikacluster/demo");
    await kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pikacluster/demo");
    await kubectl("patch", "pikatable/orders", "--type=merge", "-p", '{"spec":{"deletionPolicy":"Delete"}}');
    await kubectl("delete", "pikatable/orders", "--timeout=60s");
    expect(await redis("get", "hello")).toBe("world");
  });

  test("the operator was never refused a request", async () => {
    expect(await counted("pika_operator_api_requests_total", `code="200"`)).toBeGreaterThan(0);
    expect(await counted("pika_operator_api_requests_total", `code="403"`)).toBe(0);
  });

  test("the example of three zones has a node in each, smaller", async () => {
    await createNamespace("zoned");
    await applySmaller("zoned", "three-zones.yaml");
    await cluster.kubectl(
      "-n",
      "zoned",
      "wait",
      "--for=condition=Ready",
      "--timeout=100s",
      "pikacluster/zoned",
      "pikatable/default",
    );
    const pods = await cluster.api.list<Pod>("/api/v1/namespaces/zoned/pods");
    const nodes = pods.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === "node");
    expect(nodes.map(({ spec }) => spec.nodeName).toSorted()).toEqual(["n1", "n2", "n3"]);
    await cluster.kubectl("-n", "zoned", "delete", "pikacluster/zoned", "--wait=false");
  });

  test("the example for production lets in whom it names, smaller", async () => {
    for (const name of ["production", "search", "elsewhere"]) await createNamespace(name);
    await cluster.kubectl(
      "-n",
      "production",
      "create",
      "secret",
      "generic",
      "orders-password",
      "--from-literal=password=x",
    );
    await applySmaller("production", "production.yaml");
    await cluster.kubectl(
      "-n",
      "production",
      "wait",
      "--for=condition=Ready",
      "--timeout=100s",
      "pikacluster/main",
      "pikatable/orders",
    );
    for (const name of ["search", "elsewhere"]) await startClient(name, "main.production.svc.cluster.local");
    const said = async (name: string) => (await cluster.kubectl("-n", name, "logs", "client")).trim();
    await waitFor(async () => (await said("search")) !== "" && (await said("elsewhere")) !== "", { timeoutMs: 30_000 });
    expect([await said("search"), await said("elsewhere")]).toEqual(["+PONG", "no answer"]);
    await cluster.kubectl("-n", "production", "delete", "pikacluster/main", "--wait=false");
  });

  test("the operator is upgraded and uninstalled, and nobody who uses a cluster notices", async () => {
    const pods = async () =>
      (await cluster.api.list<Pod>(`/api/v1/namespaces/${NAMESPACE}/pods`))
        .map(({ metadata }) => metadata.uid)
        .toSorted();
    const before = await pods();
    const flags = ["-n", SYSTEM, "--wait", "--timeout", "90s", "--reset-then-reuse-values"];
    await helm("upgrade", "pika-operator", CHART, ...flags, "--set", "logLevel=debug");
    await helm("rollback", "pika-operator", "1", "-n", SYSTEM, "--wait", "--timeout", "90s");
    await helm("uninstall", "pika-operator", "-n", SYSTEM, "--wait", "--timeout", "60s");
    await waitFor(async () => (await cluster.api.list(`/api/v1/namespaces/${SYSTEM}/pods`)).length === 0, {
      timeoutMs: 60_000,
    });
    expect(await pods()).toEqual(before);
    expect(await redis("get", "hello")).toBe("world");
  });

  test("two releases take over a namespace each, with rights in it alone", async () => {
    await createNamespace("second");
    const values = [`image.repository=${REPOSITORY}`, `image.tag=${TAG}`, `etcdImage=${IMAGES.etcd}`];
    const install = (release: string, ...more: readonly string[]) => {
      const flags = ["-n", SYSTEM, "--wait", "--timeout", "90s", "--take-ownership"];
      return helm("install", release, CHART, ...flags, "--set", [...values, ...more].join(","));
    };
    await install("first", `watchNamespaces={${NAMESPACE}}`, "rbac.aggregateRoles=false");
    await install("second", "watchNamespaces={second}", "rbac.aggregateRoles=false", "crds.install=false");
    await kubectl("scale", "pikacluster/demo", "--replicas=5");
    await kubectl("wait", "--for=jsonpath={.status.nodes.summary}=5/5", "--timeout=90s", "pikacluster/demo");
    const small = {
      apiVersion: "pika.io/v1alpha1",
      kind: "PikaCluster",
      metadata: { name: "small" },
      spec: { nodes: { replicas: 1 }, manager: { replicas: 1 }, etcd: { managed: { replicas: 1 } } },
    };
    await cluster.api.post("/apis/pika.io/v1alpha1/namespaces/second/pikaclusters", small);
    const wait = ["wait", "--for=condition=Ready", "--timeout=90s", "pikacluster/small"];
    await cluster.kubectl("-n", "second", ...wait);
    expect(await counted("pika_operator_api_requests_total", `code="200"`)).toBeGreaterThan(0);
    expect(await counted("pika_operator_api_requests_total", `code="403"`)).toBe(0);
  });
});
