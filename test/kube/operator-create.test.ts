/** The operator on a real API server: from manifests to a cluster whose every slot has a leader. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import type { KubeObject } from "./kube-api.ts";
import { conditionOf, OperatorGround, readExample } from "./operator-ground.ts";
import { hasControlPlane } from "./shared-control-plane.ts";

interface StatefulSet extends KubeObject {
  readonly spec: { readonly replicas: number };
}

describe.runIf(hasControlPlane())("the operator creates", () => {
  let ground: OperatorGround;
  beforeAll(async () => {
    ground = await OperatorGround.open();
  }, 60_000);
  afterEach(() => ground.end(), 60_000);
  afterAll(() => ground?.close());

  test("the quickstart: identity first, then children, Ready, and no writes at rest", async () => {
    const place = await ground.place();
    const operator = await place.operator();
    await place.apply(readExample("quickstart.yaml"));
    const cluster = await place.ready("pikaclusters", "demo");
    for (const table of ["default", "orders"]) await place.ready("pikatables", table);
    const sets = await place.list<StatefulSet>("apps/v1", "statefulsets");
    expect(Object.fromEntries(sets.map(({ metadata, spec }) => [metadata.name, spec.replicas]))).toEqual({
      "demo-etcd": 3,
      "demo-manager": 3,
      "demo-nodes": 3,
    });
    expect(operator.writes()[0]).toMatch(/pikaclusters\/demo\/status$|pikatables/);
    const firstChild = operator.writes().findIndex((write) => !write.endsWith("/status"));
    expect(
      operator
        .writes()
        .slice(0, firstChild)
        .some((write) => write.includes("pikaclusters/demo/status")),
    ).toBe(true);
    expect(cluster.status).toMatchObject({ nodes: { summary: "3/3" }, version: "0.1.0" });
    await waitFor(async () => {
      const { status } = await place.custom("pikaclusters", "demo");
      return (status?.slots as { summary?: string } | undefined)?.summary === "80/80";
    });
    expect(conditionOf(await place.custom("pikaclusters", "demo"), "Reconciling")).toBeUndefined();
    const before = operator.writes().length;
    const looked = operator.looks();
    await waitFor(() => operator.looks() >= looked + 3, { timeoutMs: 30_000, what: "three more looks" });
    expect(operator.writes().slice(before)).toEqual([]);
  }, 120_000);
});
