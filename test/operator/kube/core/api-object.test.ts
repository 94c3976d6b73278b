import { expect, test } from "vitest";
import {
  apiVersionOf,
  controllerUidOf,
  isOlderVersion,
  keyOf,
  pathOf,
  trimObject,
} from "../../../../operator/kube/core/api-object.ts";

const statefulSets = { group: "apps", version: "v1", plural: "statefulsets", kind: "StatefulSet", isNamespaced: true };
const nodes = { group: "", version: "v1", plural: "nodes", kind: "Node", isNamespaced: false };

test("paths of namespaced, cluster-wide and core resources", () => {
  expect(pathOf(statefulSets)).toBe("/apis/apps/v1/statefulsets");
  expect(pathOf(statefulSets, { namespace: "ns", name: "a", subresource: "status" })).toBe(
    "/apis/apps/v1/namespaces/ns/statefulsets/a/status",
  );
  expect(pathOf(nodes, { namespace: "ignored", name: "n1" })).toBe("/api/v1/nodes/n1");
  expect(pathOf(statefulSets, { namespace: "ns", name: "../x" })).toBe(
    "/apis/apps/v1/namespaces/ns/statefulsets/..%2Fx",
  );
  expect([apiVersionOf(statefulSets), apiVersionOf(nodes)]).toEqual(["apps/v1", "v1"]);
});

test("keys hold namespace and name", () => {
  expect(keyOf({ metadata: { namespace: "ns", name: "a" } })).toBe("ns/a");
  expect(keyOf({ metadata: { name: "n1" } })).toBe("/n1");
});

test("versions compare as numbers of any length; other texts are never older", () => {
  expect(isOlderVersion("99", "100")).toBe(true);
  expect(isOlderVersion("100", "99")).toBe(false);
  expect(isOlderVersion("100", "100")).toBe(false);
  expect(isOlderVersion("18446744073709551614", "18446744073709551615")).toBe(true);
  expect(isOlderVersion("a", "b")).toBe(false);
  expect(isOlderVersion(undefined, "1")).toBe(false);
});

test("the controller is the owner that says so", () => {
  const owner = { apiVersion: "v1", kind: "X", name: "x" };
  const ownerReferences = [
    { ...owner, uid: "u1" },
    { ...owner, uid: "u2", controller: true },
  ];
  expect(controllerUidOf({ metadata: { ownerReferences } })).toBe("u2");
  expect(controllerUidOf({ metadata: {} })).toBeUndefined();
});

test("a trimmed object has no managed fields and not what kubectl applied", () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{}", kept: "1" };
  const trimmed = trimObject({ metadata: { name: "a", managedFields: [{ manager: "m" }], annotations } });
  expect(trimmed).toEqual({ metadata: { name: "a", annotations: { kept: "1" } } });
});
