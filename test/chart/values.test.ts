/** Values that make no sense are refused with their path, before anything is rendered. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CHART, hasHelm, render } from "./helm.ts";

/** Path, value, and what the refusal names. */
const REFUSED: readonly (readonly [path: string, value: unknown, words: string])[] = [
  ["replica", 2, "replica"],
  ["replicas", "two", "replicas"],
  ["replicas", -1, "replicas"],
  ["replicas", 11, "replicas"],
  ["image.repository", "", "repository"],
  ["image.repository", "with space", "repository"],
  ["image.repo", "pika", "repo"],
  ["image.tag", "a/b", "tag"],
  ["image.digest", "sha256:1", "digest"],
  ["image.pullPolicy", "Sometimes", "pullPolicy"],
  ["operandImage", "pika@1", "operandImage"],
  ["etcdImage", "", "etcdImage"],
  ["imagePullSecrets", ["registry"], "imagePullSecrets"],
  ["watchNamespaces", "one", "watchNamespaces"],
  ["watchNamespaces", ["one", "one"], "watchNamespaces"],
  ["watchNamespaces", ["One"], "watchNamespaces"],
  ["clusterDomain", "", "clusterDomain"],
  ["logLevel", "loud", "logLevel"],
  ["crds.install", "yes", "install"],
  ["crds.keep", false, "keep"],
  ["rbac.create", 1, "create"],
  ["serviceAccount.annotations", { a: 1 }, "annotations"],
  ["fullnameOverride", "-x", "fullnameOverride"],
  ["resources.limit", { memory: "1Gi" }, "limit"],
  ["networkPolicy.apiServerPorts", [0], "apiServerPorts"],
  ["networkPolicy.apiServerPorts", ["https"], "apiServerPorts"],
  ["monitoring.serviceMonitor.interval", "often", "interval"],
  ["monitoring.grafana", true, "grafana"],
];

describe.runIf(hasHelm())("values", () => {
  test.each(REFUSED)("%s: %j is refused", (path, value, words) => {
    expect(() => render({ [path]: value })).toThrow(/values don't meet the specifications of the schema/);
    expect(() => render({ [path]: value })).toThrow(words);
  });

  test("each has its default, and each default its schema", () => {
    interface Schema {
      readonly properties?: Readonly<Record<string, Schema>>;
    }
    const paths = (at: object, prefix: string): string[] => Object.keys(at).map((key) => prefix + key);
    const schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8")) as Schema;
    const values = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as Record<string, object>;
    const { global, ...properties } = schema.properties ?? {};
    expect(global).toBeDefined();
    expect(Object.keys(values)).toEqual(
      Object.keys(properties).toSorted((a, b) => order(values, a) - order(values, b)),
    );
    for (const key of ["image", "crds", "rbac", "serviceAccount", "resources", "networkPolicy", "monitoring"]) {
      const known = paths(properties[key]?.properties ?? {}, `${key}.`);
      expect(paths(values[key] ?? {}, `${key}.`).toSorted()).toEqual(known.toSorted());
    }
  });
});

function order(values: object, key: string): number {
  return Object.keys(values).indexOf(key);
}
