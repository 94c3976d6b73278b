/** What the chart renders, as files that are read in review (`vitest -u` writes them), and what must hold in all. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { flagName, readOptions } from "../../node/base/options.ts";
import { operatorOptions } from "../../operator/operator-process.ts";
import { references } from "../support/references.ts";
import { CHART, hasHelm, type Rendered, readObjects, render } from "./helm.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

/** Values by their paths. */
const CASES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  default: { "crds.install": false },
  everything: {
    "crds.install": false,
    image: { repository: "registry.example/pika", digest: DIGEST, pullPolicy: "Always" },
    operandImage: "registry.example/pika:1.2.3",
    imagePullSecrets: [{ name: "registry" }],
    replicas: 2,
    logLevel: "debug",
    "serviceAccount.annotations": { "cloud.example/role": "pika" },
    podLabels: { team: "storage" },
    podAnnotations: { note: "x" },
    nodeSelector: { disk: "ssd" },
    tolerations: [{ key: "dedicated", operator: "Exists" }],
    priorityClassName: "system-cluster-critical",
    networkPolicy: { metricsFrom: [{ namespaceSelector: {} }], restrictEgress: true, apiServerPorts: [6443] },
    "monitoring.serviceMonitor.enabled": true,
    "monitoring.podMonitor.enabled": true,
    "monitoring.prometheusRule": { enabled: true, labels: { release: "prometheus" } },
  },
  namespaced: { "crds.install": false, "rbac.aggregateRoles": false, watchNamespaces: ["one", "two"] },
  least: {
    "crds.install": false,
    rbac: { create: false, aggregateRoles: false },
    serviceAccount: { create: false, name: "given" },
    "networkPolicy.enabled": false,
    fullnameOverride: "pika",
  },
};

const OF_THE_WHOLE = /^(Cluster|CustomResourceDefinition|Namespace)/;

function find(objects: readonly Rendered[], kind: string): readonly Rendered[] {
  return objects.filter((object) => object.kind === kind);
}

describe.runIf(hasHelm())("the chart", () => {
  test.each(Object.entries(CASES))("renders the values of %s as reviewed", async (name, values) => {
    await expect(render(values)).toMatchFileSnapshot(`golden/${name}.yaml`);
  });

  test("has what belongs to no namespace only where it must", () => {
    const kinds = (name: string) => readObjects(render(CASES[name] ?? {})).map(({ kind }) => kind);
    expect(kinds("namespaced").filter((kind) => OF_THE_WHOLE.test(kind))).toEqual([]);
    expect(kinds("least").filter((kind) => /Role|ServiceAccount/.test(kind))).toEqual([]);
  });

  test("names what belongs to no namespace differently for releases of one name in two namespaces", () => {
    const roles = find(readObjects(render({})), "ClusterRole").map(({ metadata }) => metadata.name);
    expect(roles).not.toEqual([]);
    for (const name of roles) expect(name).toMatch(/^pika-system:/);
  });

  test("selects by labels that no value changes, and puts them on the pods", () => {
    type Workload = {
      spec: { selector: { matchLabels: object }; template: { metadata: { labels: Record<string, string> } } };
    };
    const selectors = [...Object.values(CASES), { nameOverride: "other" }].map((values) => {
      const [deployment] = find(readObjects(render(values)), "Deployment") as unknown as [Workload];
      const { selector, template } = deployment.spec;
      expect(template.metadata.labels).toMatchObject(selector.matchLabels);
      return selector.matchLabels;
    });
    expect(new Set(selectors.map((labels) => JSON.stringify(labels))).size).toBe(1);
  });

  test("starts the operator with options that it has", () => {
    type Workload = { spec: { template: { spec: { containers: readonly { args: readonly string[] }[] } } } };
    for (const values of Object.values(CASES)) {
      const [deployment] = find(readObjects(render(values)), "Deployment") as unknown as [Workload];
      const [verb, ...flags] = deployment.spec.template.spec.containers[0]?.args ?? [];
      expect(verb).toBe("operator");
      const known = new Map(Object.keys(operatorOptions).map((option) => [`--${flagName(option)}`, option]));
      const given = flags.map((flag) => flag.split("=", 1)[0] ?? "");
      expect(given.filter((flag) => !known.has(flag))).toEqual([]);
      const lists = flags.filter((flag) => flag.startsWith("--watch-namespace="));
      expect(lists).toHaveLength((values as { watchNamespaces?: readonly string[] }).watchNamespaces?.length ?? 0);
      const read = flags
        .filter((flag) => !lists.includes(flag))
        .map((flag) => {
          const [name = "", ...value] = flag.split("=");
          return [known.get(name) ?? "", value.join("=")];
        });
      expect(() =>
        readOptions(operatorOptions, [{ describe: String, values: Object.fromEntries(read) }]),
      ).not.toThrow();
    }
  });

  test("gives the definitions of crds/, to be kept", () => {
    const rendered = find(readObjects(render({})), "CustomResourceDefinition");
    const names = ["pikaclusters.pika.io", "pikatables.pika.io"];
    expect(rendered.map(({ metadata }) => metadata.name)).toEqual(names);
    for (const { metadata, ...rest } of rendered) {
      const { annotations, ...others } = metadata;
      const source = parse(readFileSync(join(CHART, `../../crds/${metadata.name}.yaml`), "utf8")) as object;
      expect({ ...rest, metadata: others }).toEqual(source);
      expect(annotations).toEqual({ "helm.sh/resource-policy": "keep" });
    }
  });

  test("guards them against older ones, where it installs them", async () => {
    const flags = ["--show-only", "templates/crd-guard.yaml"];
    await expect(render({}, { flags })).toMatchFileSnapshot("golden/crd-guard.yaml");
    for (const off of ["crds.install", "crds.guard"]) {
      const kinds = readObjects(render({ [off]: false })).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind.startsWith("ValidatingAdmission"))).toEqual([]);
    }
  });

  test("has the version of the program", () => {
    const version = (parse(readFileSync(join(CHART, "../../package.json"), "utf8")) as { version: string }).version;
    const chart = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as { version: string; appVersion: string };
    expect([chart.version, chart.appVersion]).toEqual([version, version]);
  });

  test("lets nobody run commands in pods, nor read or write what it does not need", () => {
    interface Rule {
      readonly resources: readonly string[];
      readonly verbs: readonly string[];
    }
    const roles = readObjects(render({})).filter(({ kind }) => /^(Cluster)?Role$/.test(kind));
    const rules = roles.flatMap((role) => role.rules as Rule[]);
    const resources = new Set(rules.flatMap((rule) => rule.resources));
    for (const resource of ["*", "pods/exec", "pods/portforward", "nodes", "customresourcedefinitions", "roles"]) {
      expect(resources.has(resource), resource).toBe(false);
    }
    expect(rules.flatMap(({ verbs }) => verbs).filter((verb) => ["*", "escalate", "bind"].includes(verb))).toEqual([]);
  });

  test("makes pods that Pod Security's level restricted lets in", () => {
    const objects = readObjects(render({}));
    type PodSpec = { securityContext: object; containers: { securityContext: object }[] };
    const [deployment] = find(objects, "Deployment") as unknown as [{ spec: { template: { spec: PodSpec } } }];
    const [pod] = find(objects, "Pod") as unknown as [{ spec: PodSpec }];
    for (const spec of [deployment.spec.template.spec, pod.spec]) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const { securityContext } of spec.containers) {
        const wanted = {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        };
        expect(securityContext).toEqual(wanted);
      }
    }
  });

  test("shows and watches metrics that there are", () => {
    const known = references().get("docs/reference/metrics.md") ?? "";
    const texts = [
      render({ "crds.install": false, "monitoring.prometheusRule.enabled": true }),
      readFileSync(join(CHART, "files/dashboard.json"), "utf8"),
    ];
    const used = texts.flatMap(
      (text) => text.match(/\b(pika_(node|manager|operator)|controller_runtime|workqueue|leader_election)_\w+/g) ?? [],
    );
    const unknown = used.filter(
      (name) => !known.includes(`\`${name.replace(/_(bucket|sum|count)$/, "")}\``) && !known.includes(`\`${name}\``),
    );
    expect(used.length).toBeGreaterThan(30);
    expect(unknown).toEqual([]);
  });

  test("puts the dashboard into a ConfigMap that Grafana finds", () => {
    type Dashboard = Rendered & { readonly data: { readonly "pika.json": string } };
    const objects = readObjects(render({ "crds.install": false, "monitoring.dashboard.enabled": true }));
    const [map] = find(objects, "ConfigMap") as [Dashboard];
    expect(map.metadata.labels?.grafana_dashboard).toBe("1");
    const { panels } = JSON.parse(map.data["pika.json"]) as { readonly panels: readonly { readonly id: number }[] };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});
