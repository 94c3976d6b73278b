import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatProblem, readManifest } from "../../../../operator/api/v1alpha1/manifest.ts";
import { nameOfTable } from "../../../../operator/api/v1alpha1/pika-table.ts";
import { secretValue } from "../../../../operator/api/v1alpha1/secret.ts";

const read = (text: string) => readManifest([{ name: "f.yaml", text }]);
const problemsOf = (text: string) => read(text).problems.map(formatProblem);

const cluster = (spec: string) => `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata:
  name: demo
spec:
${spec}`;
const table = (spec: string, name = "orders") => `apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata:
  name: ${name}
spec:
${spec}`;

/** A small text that stands for 9^6 values. */
function manyAliases(): string {
  const lines = ["a: &n0 [x]"];
  for (let i = 1; i <= 6; i++)
    lines.push(
      `a${i}: &n${i} [${Array(9)
        .fill(`*n${i - 1}`)
        .join(", ")}]`,
    );
  return lines.join("\n");
}

describe("readManifest", () => {
  test("reads the quickstart with its defaults", () => {
    const file = join(import.meta.dirname, "../../../../examples/quickstart.yaml");
    const manifest = readManifest([{ name: "quickstart.yaml", text: readFileSync(file, "utf8") }]);
    expect(manifest.problems).toEqual([]);
    expect(manifest.clusters.map(({ object }) => object.spec.nodes.replicas)).toEqual([3]);
    expect(manifest.clusters[0]?.object.spec.manager.replicas).toBe(3);
    expect(manifest.tables.map(({ object }) => [nameOfTable(object), object.spec.slots])).toEqual([
      ["default", 64],
      ["orders", 16],
    ]);
    const [password] = manifest.secrets;
    expect(password && secretValue(password.object, "password")).toBe("quick-start-only");
  });

  test("reads data of a Secret as base64, stringData first", () => {
    const text =
      "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: aGk=\n  b: aGk=\nstringData:\n  b: plain\n";
    const [found] = read(text).secrets;
    expect(
      found && [secretValue(found.object, "a"), secretValue(found.object, "b"), secretValue(found.object, "c")],
    ).toEqual(["hi", "plain", undefined]);
  });

  test.each([
    [
      cluster("  nodes:\n    replicas: 0"),
      "f.yaml:7:15: spec.nodes.replicas: is 0; Too small: expected number to be >=1",
    ],
    [
      cluster("  nodes: {replica: 2}"),
      "f.yaml:6:20: spec.nodes.replica: is not a field of this object; it has replicas, ",
    ],
    [
      cluster("  nodes: {replicas: 1}\n  managers: {}"),
      "f.yaml:7:13: spec.managers: is not a field of this object; it has ",
    ],
    [cluster("  manager:\n    replicas: 2\n  nodes: {}"), "f.yaml:7:15: spec.manager.replicas: is 2;"],
    [cluster("  version: v1"), "f.yaml:6:3: spec.nodes: is missing;"],
    [table("  clusterRef: {name: demo}\n  slots: 100"), "f.yaml:7:10: spec.slots: is 100; must be a power of two"],
    [table("  clusterRef: {name: demo}\n  tableName: admin"), 'f.yaml:7:14: spec.tableName: is "admin";'],
    [table("  clusterRef: {name: demo}", "admin"), "f.yaml:4:9: metadata.name: is \"admin\"; may not be 'admin'"],
    [
      table("  consistency: Strong\n  clusterRef: {name: demo}"),
      'f.yaml:6:16: spec.consistency: is "Strong"; expected one of',
    ],
    ["kind: Pod\n", 'f.yaml:1:7: kind: is "Pod"; must be PikaCluster, PikaTable or Secret'],
    ["- 1\n", "f.yaml:1:1: kind: must be PikaCluster, PikaTable or Secret"],
    ["a: [1\n", "f.yaml:2:1: Flow sequence"],
    ["a: 1\na: 2\n", "f.yaml:2:1: Map keys must be unique"],
    ["kind: Secret\n---\na: *nowhere\n", "f.yaml:3:1: Unresolved alias"],
    [manyAliases(), "f.yaml:1:1: Excessive alias count"],
  ])("tells where and what is allowed: %#", (text, message) => {
    const problems = problemsOf(text);
    expect(problems.some((problem) => problem.startsWith(message))).toBe(true);
  });

  test("a Secret's values are not shown, and who wrote a plain one is told where it belongs", () => {
    const text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  password: hunter!2\n";
    expect(problemsOf(text)).toEqual(["f.yaml:5:13: data.password: is not base64; a plain value goes into stringData"]);
    const number = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: 4711}\n";
    expect(problemsOf(number).join()).toContain("stringData.password");
    expect(problemsOf(number).join()).not.toContain("4711");
  });

  test("tells all problems of all documents", () => {
    const text = `${cluster("  nodes: {replicas: 0}")}\n---\n${table("  slots: 3")}`;
    expect(problemsOf(text)).toHaveLength(3);
  });

  test("the same table twice in one cluster is a problem, in two clusters none", () => {
    const one = table("  clusterRef: {name: demo}");
    const same = table("  clusterRef: {name: demo}\n  tableName: orders", "other");
    const elsewhere = table("  clusterRef: {name: demo2}");
    expect(problemsOf(`${one}\n---\n${same}`)).toEqual([
      "f.yaml:11:9: metadata.name: table orders of cluster demo appears twice",
    ]);
    expect(problemsOf(`${one}\n---\n${elsewhere}`)).toEqual([]);
  });

  test("empty files and documents are nothing", () => {
    expect(read("")).toMatchObject({ clusters: [], tables: [], problems: [] });
    expect(read("---\n# only a comment\n---\n").problems).toEqual([]);
  });
});
