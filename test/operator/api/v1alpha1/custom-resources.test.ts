import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { customResourceDefinitions } from "../../../../operator/api/v1alpha1/custom-resources.ts";
import { crdDocuments } from "../../../../operator/cli/crds.ts";

/** Client-side `kubectl apply` keeps the whole object in an annotation of at most 256 KiB. */
const MAX_COMPACT_BYTES = 150_000;

type Node = Readonly<Record<string, unknown>>;

/** Every node of a schema with its path. */
function* nodesOf(node: Node, path = ""): Generator<[path: string, node: Node]> {
  yield [path, node];
  const properties = (node.properties ?? {}) as Record<string, Node>;
  for (const [name, child] of Object.entries(properties)) yield* nodesOf(child, `${path}.${name}`);
  for (const key of ["items", "additionalProperties"]) {
    if (node[key] !== undefined) yield* nodesOf(node[key] as Node, `${path}[]`);
  }
}

describe.each(customResourceDefinitions().map((definition) => [definition] as const))("definition %#", (definition) => {
  const [version] = (definition.spec as { versions: [Node] }).versions;
  const schema = (version.schema as { openAPIV3Schema: Node }).openAPIV3Schema;
  const { spec, status } = schema.properties as { spec: Node; status: Node };

  test("is small enough for client-side apply", () => {
    expect(JSON.stringify(definition).length).toBeLessThan(MAX_COMPACT_BYTES);
  });

  test("describes every field", () => {
    const silent = [...nodesOf(spec, "spec"), ...nodesOf(status, "status")]
      .filter(([path, node]) => !path.endsWith("[]") && node.description === undefined)
      .map(([path]) => path);
    // The entries of Kubernetes' own lists are described by Kubernetes; their name is only the key of the list.
    expect(silent.filter((path) => !/\[\]\.name$|issuerRef$/.test(path))).toEqual([]);
  });

  test("has defaults of scalars alone, and none in the status", () => {
    const objects = [...nodesOf(spec)].filter(([, node]) => typeof node.default === "object");
    expect(objects.map(([path]) => path)).toEqual([]);
    expect([...nodesOf(status)].filter(([, node]) => "default" in node).map(([path]) => path)).toEqual([]);
  });

  test("shows the fields that its columns and its scale name", () => {
    const scale = (version.subresources as { scale?: Record<string, string> }).scale ?? {};
    const columns = version.additionalPrinterColumns as { jsonPath: string }[];
    const fields = new Set([...nodesOf(schema)].map(([path]) => path));
    const named = [...columns.map(({ jsonPath }) => jsonPath), ...Object.values(scale)];
    const unknown = named.filter((path) => !/^\.metadata\.|conditions\[/.test(path) && !fields.has(path));
    expect(unknown).toEqual([]);
  });
});

test("`pika crds` gives each definition as YAML, by the name of its file, with the version", () => {
  const read = [...crdDocuments("1.2.3")].map(([name, text]) => [name, parse(text)]);
  const named = customResourceDefinitions().map((definition) => {
    const metadata = definition.metadata as { name: string; labels: object };
    const labels = { ...metadata.labels, "app.kubernetes.io/version": "1.2.3" };
    return [`${metadata.name}.yaml`, { ...definition, metadata: { ...metadata, labels } }];
  });
  expect(read).toEqual(named);
});
