import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, findDifference } from "../../../../operator/kube/core/intent.ts";

describe("an intent is satisfied", () => {
  test.each<[string, object, object]>([
    ["by more than it asks for", { spec: { a: 1 } }, { spec: { a: 1, b: 2 }, status: {} }],
    ["by an item of a list, which has no kind", { kind: "X", apiVersion: "v1", a: 1 }, { a: 1 }],
    ["by absent for empty", { labels: {}, args: [], on: false, text: "", count: 0, gone: undefined }, {}],
    [
      "by quantities of the same value",
      { limits: { cpu: 1, memory: "1024Mi" } },
      { limits: { cpu: "1", memory: "1Gi" } },
    ],
    [
      "by storage of the same value",
      { resources: { requests: { storage: "1Gi" } } },
      { resources: { requests: { storage: "1024Mi" } } },
    ],
    [
      "by containers in another order, and one more",
      { containers: [{ name: "a", image: "x" }, { name: "b" }] },
      { containers: [{ name: "sidecar" }, { name: "b", image: "y" }, { name: "a", image: "x", tty: true }] },
    ],
    [
      "by a port whose protocol was added",
      { ports: [{ port: 1 }] },
      { ports: [{ port: 1, protocol: "TCP", nodePort: 5 }] },
    ],
    [
      "by container ports told apart by protocol",
      { ports: [{ containerPort: 1 }, { containerPort: 1, protocol: "UDP", name: "u" }] },
      {
        ports: [
          { containerPort: 1, protocol: "UDP", name: "u" },
          { containerPort: 1, protocol: "TCP" },
        ],
      },
    ],
    ["by a list whose name every object has", { valueOf: [[]] }, { valueOf: [[]] }],
    ["by a list without keys, with defaults in its elements", { items: [{ a: 1 }] }, { items: [{ a: 1, b: 2 }] }],
  ])("%s", (_, intent, live) => {
    expect(findDifference(intent, live)).toBeUndefined();
  });
});

describe("an intent is not satisfied", () => {
  test.each<[string, object, object, string]>([
    ["by another value", { spec: { a: 1 } }, { spec: { a: 2 } }, "spec.a"],
    ["by a number for a text", { port: "80" }, { port: 80 }, "port"],
    ["by a missing field", { spec: { a: { b: 1 } } }, { spec: {} }, "spec.a"],
    ["by a missing element", { env: [{ name: "A" }] }, { env: [{ name: "B" }] }, "env.0"],
    ["by a longer list without keys", { args: ["a"] }, { args: ["a", "b"] }, "args"],
    ["by another order of a list without keys", { args: ["a", "b"] }, { args: ["b", "a"] }, "args.0"],
    [
      "by texts that are the same only as quantities",
      { env: [{ name: "A", value: "1" }] },
      { env: [{ name: "A", value: "1000m" }] },
      "env.0.value",
    ],
    ["by a value where it wants a map", { a: { b: 1 } }, { a: 1 }, "a"],
    ["by a value where it wants a list", { a: [1] }, { a: 1 }, "a"],
    ["by an empty map where it wants something in it", { a: { b: 1 } }, { a: {} }, "a.b"],
  ])("%s", (_, intent, live, path) => {
    expect(findDifference(intent, live)).toBe(path);
  });
});

test("every object satisfies itself; its canonical text does not depend on the order of its fields", () => {
  const shuffled = (value: unknown): unknown =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? value
      : Object.fromEntries(Object.entries(value).reverse());
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== "__proto__"),
        fc.jsonValue(),
      ),
      (value) => {
        expect(findDifference(value, structuredClone(value))).toBeUndefined();
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      },
    ),
  );
});

test("undefined fields are not there", () => {
  expect(canonicalJson({ b: undefined, a: [undefined, { c: undefined }] })).toBe('{"a":[null,{}]}');
});
