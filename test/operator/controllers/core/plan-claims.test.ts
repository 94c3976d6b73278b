import { expect, test } from "vitest";
import { judgeClaims, planClaims } from "../../../../operator/controllers/core/plan-claims.ts";
import { CLUSTER_ID, observe } from "../../../support/cluster-observations.ts";

const OWN = { apiVersion: "pika.io/v1alpha1", kind: "PikaCluster", name: "demo", uid: "uid-1" };

const claim = (size: string, over: { phase?: string; ownerReferences?: object[]; id?: string } = {}) => ({
  metadata: {
    name: "data-demo-nodes-0",
    labels: { "app.kubernetes.io/component": "node" },
    annotations: { "pika.io/cluster-id": over.id ?? CLUSTER_ID },
    ...(over.ownerReferences ? { ownerReferences: over.ownerReferences } : {}),
  },
  spec: { resources: { requests: { storage: size } } },
  status: { phase: over.phase ?? "Bound", capacity: { storage: size } },
});

const plan = (claims: object[], spec: object = {}) =>
  planClaims(observe(spec, { claims: claims as never }), CLUSTER_ID).map(({ body }) => body);

test("volumes grow with the spec once they are bound, and never shrink", () => {
  const spec = { nodes: { storage: { size: "20Gi" } } };
  expect(plan([claim("10Gi")], spec)).toEqual([{ spec: { resources: { requests: { storage: "20Gi" } } } }]);
  expect(plan([claim("10Gi", { phase: "Pending" }), claim("30Gi"), claim("20480Mi")], spec)).toEqual([]);
  expect(plan([claim("10Gi", { id: "f".repeat(32) })], spec)).toEqual([]);
  const observation = (size: string) => observe(spec, { claims: [claim(size)] as never });
  expect(judgeClaims(observation("10Gi"), CLUSTER_ID)).toMatchObject({ kind: "Wait", reason: "ResizingVolumes" });
  expect(judgeClaims(observation("20Gi"), CLUSTER_ID)).toEqual({ kind: "Complete" });
});

test("volumes belong to the PikaCluster while its deletion shall take them along; other owners stay", () => {
  const other = { ...OWN, uid: "uid-2" };
  expect(plan([claim("10Gi", { ownerReferences: [other] })], { deletionPolicy: "Delete" })).toEqual([
    { metadata: { ownerReferences: [other, OWN] } },
  ]);
  expect(plan([claim("10Gi", { ownerReferences: [other, OWN] })])).toEqual([
    { metadata: { ownerReferences: [other] } },
  ]);
  expect(plan([claim("10Gi", { ownerReferences: [OWN] })], { deletionPolicy: "Delete" })).toEqual([]);
});
