/**
 * The chart through the real Helm on a real API server: install, upgrade, rollback, uninstall, several releases, the
 * definitions that outlive them, and the rights that come out of it. Definitions belong to the whole cluster, so this
 * has one of its own. No pods run here: that is test/cluster/install.test.ts.
 */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CHART, hasHelm, helm, readObjects, valueFlags } from "../chart/helm.ts";
import { installManifest } from "../chart/install-manifest.ts";
import { waitFor } from "../support/wait-for.ts";
import { ControlPlane } from "./control-plane.ts";
import { KubeApi, type KubeObject } from "./kube-api.ts";
import { hasControlPlane } from "./shared-control-plane.ts";

const NAMESPACE = "pika-system";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEPLOYMENTS = "/apis/apps/v1";
const ACCOUNT = "system:serviceaccount:pika-system:pika-operator";
const VERSION = "app.kubernetes.io/version";

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
}

/** Where objects of an apply are, by kind. */
const PATHS: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/namespaces/pika-system/serviceaccounts",
  Service: "/api/v1/namespaces/pika-system/services",
  CustomResourceDefinition: CRDS,
  Deployment: `${DEPLOYMENTS}/namespaces/pika-system/deployments`,
  ValidatingAdmissionPolicy: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
  NetworkPolicy: "/apis/networking.k8s.io/v1/namespaces/pika-system/networkpolicies",
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/pika-system/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/namespaces/pika-system/rolebindings",
};

/** A test is some ten runs of Helm, half a second each on a quiet machine. */
const TIMEOUT_MS = 120_000;

describe.runIf(hasHelm() && hasControlPlane() && !process.env.KUBECONFIG)("helm", { timeout: TIMEOUT_MS }, () => {
  const plane = new ControlPlane({ hasControllers: true });
  const folder = mkdtempSync(join(tmpdir(), "pika-chart-"));
  const newer = join(folder, "newer");
  let api: KubeApi;

  const run = (...args: readonly string[]): string => helm([...args, "--kubeconfig", plane.kubeconfig]);
  const install = (release: string, values: Readonly<Record<string, unknown>> = {}, ...flags: readonly string[]) =>
    run("install", release, CHART, "-n", NAMESPACE, ...valueFlags(values), ...flags);
  const upgrade = (chart: string, values: Readonly<Record<string, unknown>> = {}, ...flags: readonly string[]) =>
    run("upgrade", "pika-operator", chart, "-n", NAMESPACE, ...valueFlags(values), ...flags);
  const image = async (name: string): Promise<string | undefined> => {
    const path = `${DEPLOYMENTS}/namespaces/${NAMESPACE}/deployments/${name}`;
    return (await api.get<Deployment>(path)).spec.template.spec.containers[0]?.image;
  };
  const versions = async (): Promise<(string | undefined)[]> =>
    (await api.list<KubeObject>(CRDS)).map(({ metadata }) => metadata.labels?.[VERSION]);
  const createNamespace = (name: string) =>
    api.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  /** Whether the API server would let a user do this. */
  const isAllowed = async (user: string, action: string, namespace: string): Promise<boolean> => {
    const [verb, what = ""] = action.split(" ");
    const [, group = "", resource, subresource = ""] = /^(?:([\w.]+)\/)?(\w+)(?::(\w+))?$/.exec(what) ?? [];
    const resourceAttributes = { verb, group, resource, subresource, namespace };
    const groups = user === ACCOUNT ? [`system:serviceaccounts:${NAMESPACE}`] : [];
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview" };
    const answer = await api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      ...review,
      spec: { user, groups, resourceAttributes },
    });
    return (answer as { readonly status: { readonly allowed: boolean } }).status.allowed;
  };
  const applyManifest = async (text: string): Promise<void> => {
    for (const object of readObjects(text)) await api.apply(`${PATHS[object.kind]}/${object.metadata.name}`, object);
  };

  beforeAll(async () => {
    await plane.start();
    api = new KubeApi(plane.kubeconfig);
    for (const name of [NAMESPACE, "one", "two"]) await createNamespace(name);
    cpSync(CHART, newer, { recursive: true });
    const edit = (file: string, change: (text: string) => string) =>
      writeFileSync(join(newer, file), change(readFileSync(join(newer, file), "utf8")));
    edit("Chart.yaml", (text) => text.replaceAll(/^(version|appVersion): .*$/gm, "$1: 99.0.0"));
    for (const name of readdirSync(join(newer, "files/crds"))) {
      edit(`files/crds/${name}`, (text) => text.replace(/(app\.kubernetes\.io\/version): .*/, "$1: 99.0.0"));
    }
  }, TIMEOUT_MS);
  afterAll(async () => {
    api?.close();
    await plane.stop();
    rmSync(folder, { recursive: true });
  });

  /** Each test begins with nothing installed, and no definitions. */
  beforeEach(async () => {
    for (const line of run("list", "-A", "-q").split("\n").filter(Boolean)) run("uninstall", line, "-n", NAMESPACE);
    for (const { metadata } of await api.list<KubeObject>(CRDS)) await api.delete(`${CRDS}/${metadata.name}`);
    await waitFor(async () => (await api.list(CRDS)).length === 0);
    const left = await api.list<KubeObject>(`${DEPLOYMENTS}/namespaces/${NAMESPACE}/deployments`);
    expect(left).toEqual([]);
  }, TIMEOUT_MS);

  test("installs, upgrades, goes back, and leaves the definitions and what was made of them", async () => {
    expect(install("pika-operator")).toContain("kubectl wait --for=condition=Ready");
    const cluster = {
      apiVersion: "pika.io/v1alpha1",
      kind: "PikaCluster",
      metadata: { name: "c" },
      spec: { nodes: {} },
    };
    const clusters = "/apis/pika.io/v1alpha1/namespaces/one/pikaclusters";
    await waitFor(() => api.post(clusters, cluster).then(Boolean, () => false), { what: "PikaClusters to be known" });
    upgrade(CHART, { "image.tag": "other" });
    expect(await image("pika-operator")).toBe("pika:other");
    run("rollback", "pika-operator", "1", "-n", NAMESPACE);
    expect(await image("pika-operator")).toMatch(/^pika:\d/);
    run("uninstall", "pika-operator", "-n", NAMESPACE);
    expect(await versions()).toHaveLength(2);
    expect(await api.list(clusters)).toHaveLength(1);
    const roles = await api.list<KubeObject>(PATHS.ClusterRole ?? "");
    expect(roles.filter(({ metadata }) => /pika/.test(metadata.name))).toEqual([]);
  });

  test("an older chart leaves newer definitions, says so, and the newer one takes them up again", async () => {
    install("pika-operator");
    upgrade(newer);
    expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
    for (const time of ["first", "second"]) {
      expect(upgrade(CHART), time).toContain("pikatables.pika.io was left at 99.0.0, which is newer");
      expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
    }
    expect(upgrade(newer)).not.toContain("was left at");
    expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
  });

  test("a rollback to older definitions is refused, and an upgrade to the older chart is what goes", async () => {
    install("pika-operator");
    upgrade(newer);
    // A policy is in force a moment after it is there.
    const older = { metadata: { labels: { [VERSION]: "98.9.9" } } };
    const downgrade = () => api.patch(`${CRDS}/pikatables.pika.io?dryRun=All`, older).then(() => "", String);
    await waitFor(async () => /is not replaced by 98.9.9/.test(await downgrade()), { what: "the policy" });
    const rollback = () => run("rollback", "pika-operator", "1", "-n", NAMESPACE);
    expect(rollback).toThrow(/version 99.0.0 of this definition is not replaced by \d/);
    upgrade(CHART);
    expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
    const without = { metadata: { labels: { [VERSION]: null } } };
    await api.patch(`${CRDS}/pikatables.pika.io`, without);
    upgrade(CHART);
    expect((await versions()).toSorted()).not.toEqual(["99.0.0", "99.0.0"]);
  });

  test("another release takes the definitions over when it is told to, an older one without changing them", async () => {
    run("install", "first", newer, "-n", NAMESPACE);
    run("uninstall", "first", "-n", NAMESPACE);
    expect(install("older")).toContain("was left at 99.0.0");
    expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
    run("uninstall", "older", "-n", NAMESPACE);
    expect(() => run("install", "second", newer, "-n", NAMESPACE)).toThrow(
      /cannot be imported into the current release/,
    );
    run("install", "second", newer, "-n", NAMESPACE, "--take-ownership");
    const owners = (await api.list<KubeObject>(CRDS)).map(({ metadata }) => metadata.annotations);
    for (const annotations of owners) expect(annotations?.["meta.helm.sh/release-name"]).toBe("second");
  });

  test("hands over from install.yaml to the chart", async () => {
    await applyManifest(installManifest(""));
    expect(() => install("pika-operator")).toThrow(/cannot be imported/);
    const uid = (await api.get<KubeObject>(`${PATHS.Deployment}/pika-operator`)).metadata.uid;
    install("pika-operator", { "image.tag": "other" }, "--take-ownership", "--force-conflicts");
    expect(await image("pika-operator")).toBe("pika:other");
    expect((await api.get<KubeObject>(`${PATHS.Deployment}/pika-operator`)).metadata.uid).toBe(uid);
    // What was equal has two owners since; the next change says again that it is meant.
    expect(() => upgrade(newer)).toThrow(/conflict/);
    upgrade(newer, {}, "--force-conflicts");
    expect(await versions()).toEqual(["99.0.0", "99.0.0"]);
  });

  test("two releases watch a namespace each, without rights beyond it", async () => {
    const bound = (namespace: string) => ({ watchNamespaces: [namespace], "rbac.aggregateRoles": false });
    install("pika-operator", bound("one"));
    install("second", { ...bound("two"), "crds.install": false });
    expect(await image("second-pika-operator")).toBeDefined();
    expect(await isAllowed(ACCOUNT, "create apps/statefulsets", "one")).toBe(true);
    expect(await isAllowed(ACCOUNT, "get secrets", "two")).toBe(false);
    expect(await isAllowed(ACCOUNT, "list pika.io/pikaclusters", "two")).toBe(false);
    expect(await isAllowed(ACCOUNT, "create coordination.k8s.io/leases", NAMESPACE)).toBe(true);
  });

  test("the operator may do what it does, in all namespaces, and no more", async () => {
    install("pika-operator");
    const may: readonly (readonly [verb: string, what: string])[] = [
      ["watch", "pika.io/pikaclusters"],
      ["patch", "pika.io/pikatables:status"],
      ["patch", "apps/statefulsets"],
      ["create", "secrets"],
      ["delete", "persistentvolumeclaims"],
      ["create", "pods:eviction"],
      ["create", "events.k8s.io/events"],
    ];
    for (const [verb, what] of may) expect(await isAllowed(ACCOUNT, `${verb} ${what}`, "two"), what).toBe(true);
    const mayNot: readonly (readonly [verb: string, what: string])[] = [
      ["patch", "pika.io/pikaclusters"],
      ["create", "pika.io/pikaclusters"],
      ["create", "pods"],
      ["create", "pods:exec"],
      ["delete", "pods"],
      ["get", "coordination.k8s.io/leases"],
      ["create", "rbac.authorization.k8s.io/rolebindings"],
      ["patch", "apiextensions.k8s.io/customresourcedefinitions"],
    ];
    for (const [verb, what] of mayNot) expect(await isAllowed(ACCOUNT, `${verb} ${what}`, "two"), what).toBe(false);
  });

  test("who may view, edit or administer a namespace may do so with clusters and tables", async () => {
    install("pika-operator");
    for (const role of ["view", "edit", "admin"]) {
      await api.apply(`/apis/rbac.authorization.k8s.io/v1/namespaces/one/rolebindings/${role}`, {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name: role },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: `${role}er` }],
      });
    }
    // The roles are put together behind the install.
    for (const user of ["viewer", "editer", "adminer"]) {
      await waitFor(() => isAllowed(user, "list pika.io/pikatables", "one"), { what: `rights of the ${user}` });
    }
    for (const user of ["editer", "adminer"]) {
      await waitFor(() => isAllowed(user, "delete pika.io/pikaclusters", "one"), { what: `rights of the ${user}` });
      expect(await isAllowed(user, "patch pika.io/pikaclusters:scale", "one")).toBe(true);
      expect(await isAllowed(user, "patch pika.io/pikaclusters:status", "one")).toBe(false);
    }
    expect(await isAllowed("viewer", "patch pika.io/pikaclusters", "one")).toBe(false);
    expect(await isAllowed("editer", "list pika.io/pikaclusters", "two")).toBe(false);
  });
});
