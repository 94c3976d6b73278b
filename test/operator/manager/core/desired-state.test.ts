import { describe, expect, test } from "vitest";
import { MAX_TABLES } from "../../../../node/meta/schemas.ts";
import { emptyState, findTable } from "../../../../operator/manager/core/cluster-state.ts";
import { deleteTable, putCluster, putTable } from "../../../../operator/manager/core/desired-state.ts";
import { clusterWith, tableSpec, withTable } from "../../../support/cluster-states.ts";
import { CLUSTER } from "../../../support/topology-arbitrary.ts";

const state = withTable(clusterWith(["", ""]), "t");
const put = (over: object) =>
  putTable(state, {
    name: "t",
    request: { owner: "o", generation: 2, spec: tableSpec(), ...over },
    nowMs: 0,
    hashSeed: "f".repeat(16),
  });
const codeOf = (result: ReturnType<typeof put>) => (result.ok ? "ok" : `${result.fault.code} ${result.fault.path}`);

describe("desired state", () => {
  test("the same owner goes forward only, another shows the cluster's id", () => {
    expect(codeOf(put({}))).toBe("ok");
    expect(codeOf(put({ generation: 1 }))).toBe("ok");
    expect(codeOf(put({ generation: 0 }))).toBe("GenerationTooOld generation");
    expect(codeOf(put({ owner: "x", generation: 9 }))).toBe("OtherOwner owner");
    expect(codeOf(put({ owner: "x", generation: 0, adopt: "d".repeat(32) }))).toBe("OtherOwner adopt");
    expect(codeOf(put({ owner: "x", generation: 0, adopt: CLUSTER }))).toBe("ok");
    const spec = { nodes: 1, adminPasswordHashes: [] };
    expect(codeOf(putCluster(state, { owner: "o", generation: 0, spec }))).toBe("GenerationTooOld generation");
    expect(codeOf(putCluster(emptyState(CLUSTER), { owner: "any", generation: 0, spec }))).toBe("ok");
    expect(codeOf(deleteTable(state, "t", { owner: "x", generation: 1 }))).toBe("OtherOwner owner");
    expect(codeOf(deleteTable(state, "u", { owner: "o", generation: 1 }))).toBe("NotFound undefined");
  });

  test("slots never change, and what is not built is refused with its field", () => {
    expect(codeOf(put({ spec: tableSpec({ slots: 128 }) }))).toBe("Immutable spec.slots");
    expect(codeOf(put({ spec: tableSpec({ consistency: "Consistent" }) }))).toBe("NotSupported spec.consistency");
  });

  test("a changed table keeps its id and seed, and takes passwords and routing at once", () => {
    const before = findTable(state, "t");
    const passwordHashes = ["a".repeat(64), "b".repeat(64)];
    const result = put({ spec: tableSpec({ passwordHashes, clientRouting: "Redirect" }) });
    if (!result.ok || !before) throw new Error("must be accepted");
    const after = findTable(result.state, "t");
    expect(after?.table).toEqual({ ...before.table, passwordHashes, clientRouting: "Redirect" });
  });

  test("a cluster takes so many tables and not one more", () => {
    let full = emptyState(CLUSTER);
    for (let number = 0; number < MAX_TABLES; number++) full = withTable(full, `t${number}`);
    const request = { owner: "o", generation: 1, spec: tableSpec() };
    const one = putTable(full, { name: "more", request, nowMs: 0, hashSeed: "f".repeat(16) });
    expect(codeOf(one)).toBe("NotSupported undefined");
    const known = putTable(full, { name: "t5", request, nowMs: 0, hashSeed: "f".repeat(16) });
    expect(codeOf(known)).toBe("ok");
  });

  test("the id of a table that was deleted is not given again", () => {
    const gone = deleteTable(state, "t", { owner: "o", generation: 1 });
    if (!gone.ok) throw new Error("must be accepted");
    expect(findTable(gone.state, "t")).toBeUndefined();
    expect(findTable(withTable(gone.state, "t"), "t")?.table.id).toBe(2);
  });
});
