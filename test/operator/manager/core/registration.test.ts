import { describe, expect, test } from "vitest";
import { MAX_NODES } from "../../../../node/meta/schemas.ts";
import type { SlotAssignment } from "../../../../node/meta/topology.ts";
import type { ClusterState } from "../../../../operator/manager/core/cluster-state.ts";
import { planState } from "../../../../operator/manager/core/plan.ts";
import { judgeRegistration, raiseTerms, recordStart } from "../../../../operator/manager/core/registration.ts";
import { clusterWith, planContext, registerRequest, withTable } from "../../../support/cluster-states.ts";
import { nodeIdOf } from "../../../support/topology-arbitrary.ts";

const dead = () => false;
const state = planState(withTable(clusterWith(["", ""]), "t", { slots: 4, replicas: 2 }), planContext());
const slotsOf = (from: ClusterState): readonly SlotAssignment[] => [...from.assignments.values()].flat();
const leads = (slot: SlotAssignment | undefined, node: number) => slot?.replicas[slot.leader]?.node === nodeIdOf(node);

describe("registration", () => {
  test("the same start changes nothing", () => {
    expect(raiseTerms(state, registerRequest(0))).toBe(state);
    expect(recordStart(state, registerRequest(0))).toBe(state);
  });

  test("a new start gets terms above both what was given and what it knows, for what it leads only", () => {
    const known = slotsOf(state).find((slot) => leads(slot, 0))?.replicas[0]?.id;
    if (known === undefined) throw new Error("node 0 leads something");
    const request = registerRequest(0, { startId: "6".repeat(32), replicas: [[known, 41, 0, 0]] });
    const raised = raiseTerms(state, request);
    for (const [slot, after] of slotsOf(raised).entries()) {
      const before = slotsOf(state)[slot];
      if (!leads(before, 0)) expect(after).toBe(before);
      else expect(after.term).toBe(after.replicas[0]?.id === known ? 42 : 2);
    }
    // Recorded last: whoever dies in between gives new terms again.
    expect(raiseTerms(raised, request)).not.toBe(raised);
    expect(raiseTerms(recordStart(raised, request), request).assignments).toBe(raised.assignments);
  });

  test("a node that moved keeps its id and replicas", () => {
    const moved = recordStart(state, registerRequest(0, { host: "10.0.0.9", startId: "6".repeat(32) }));
    expect(moved.nodes.get(nodeIdOf(0))?.node).toMatchObject({ host: "10.0.0.9", state: "active" });
    expect(moved.nodes.size).toBe(2);
  });

  test("a known name with a new id retires the old one, but not while it is alive", () => {
    const twin = registerRequest(9, { name: "demo-nodes-0" });
    const refused = judgeRegistration(state, twin, (node) => node === nodeIdOf(0));
    expect(refused).toMatchObject({
      kind: "refused",
      code: "NameInUse",
      message: expect.stringContaining("127.0.0.1:9222"),
    });
    expect(judgeRegistration(state, twin, dead)).toEqual({ kind: "accepted" });
    const after = recordStart(state, twin);
    expect(after.nodes.get(nodeIdOf(0))?.node.state).toBe("retired");
    expect(after.nodes.get(nodeIdOf(9))?.node.state).toBe("active");
    expect(judgeRegistration(after, registerRequest(0), dead)).toEqual({ kind: "retired" });
  });

  test("a node beyond the largest number is refused; one that takes a dead one's name is not", () => {
    let full = state;
    for (let number = 2; number < MAX_NODES; number++) full = recordStart(full, registerRequest(number));
    expect(judgeRegistration(full, registerRequest(MAX_NODES), dead)).toEqual({
      kind: "refused",
      code: "NotSupported",
      message: "a cluster has at most 1024 nodes",
    });
    const renewed = registerRequest(MAX_NODES, { name: "demo-nodes-7" });
    expect(judgeRegistration(full, renewed, dead)).toEqual({ kind: "accepted" });
    expect(judgeRegistration(full, registerRequest(8, { startId: "6".repeat(32) }), dead)).toEqual({
      kind: "accepted",
    });
  });

  test("a copy of a living node's data is refused; the node itself is not, restarted or moved", () => {
    const alive = (node: string) => node === nodeIdOf(0);
    const startId = "6".repeat(32);
    const copy = registerRequest(0, { host: "10.0.0.9", startId });
    expect(judgeRegistration(state, copy, alive)).toMatchObject({ kind: "refused", code: "NameInUse" });
    expect(judgeRegistration(state, copy, dead)).toEqual({ kind: "accepted" });
    expect(judgeRegistration(state, registerRequest(0, { startId }), alive)).toEqual({ kind: "accepted" });
    expect(judgeRegistration(state, registerRequest(0), alive)).toEqual({ kind: "accepted" });
  });
});
