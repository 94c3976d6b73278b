import { describe, expect, test } from "vitest";
import type { ClusterState, Observations } from "../../../../operator/manager/core/cluster-state.ts";
import { planState } from "../../../../operator/manager/core/plan.ts";
import { recordStart } from "../../../../operator/manager/core/registration.ts";
import { countSlots, describeTable, judgeRestart } from "../../../../operator/manager/core/status.ts";
import { clusterWith, planContext, registerRequest, withTable } from "../../../support/cluster-states.ts";
import { nodeIdOf } from "../../../support/topology-arbitrary.ts";

const state = planState(withTable(clusterWith(["", "", ""]), "t", { slots: 8, replicas: 2 }), planContext());
const recordOf = (from: ClusterState) => {
  const record = [...from.tables.values()][0];
  if (!record) throw new Error("there is a table");
  return record;
};
const count = (observed: Observations) => countSlots(state, recordOf(state), observed);
const ledBy = (node: number) =>
  [...state.assignments.values()].flat().filter(({ replicas, leader }) => replicas[leader]?.node === nodeIdOf(node))
    .length;

describe("status", () => {
  test("counts leaders that lead in their term, and slots whose followers are not in sync", () => {
    expect(count(planContext())).toEqual({ total: 8, withLeader: 8, underReplicated: 0, lost: 0 });
    expect(count(planContext({ positionOf: () => undefined }))).toMatchObject({ withLeader: 0, underReplicated: 8 });
    expect(count(planContext({ position: { term: 0, index: 1, state: 0 } })).withLeader).toBe(0);
    expect(count(planContext({ position: { term: 1, index: 1, state: 2 } }))).toMatchObject({
      withLeader: 0,
      underReplicated: 8,
    });
    expect(count(planContext({ dead: [nodeIdOf(1)] })).withLeader).toBe(8 - ledBy(1));
  });

  test("says what is waited for and what does not happen by itself", () => {
    const notesOf = (from: ClusterState) =>
      describeTable(from, recordOf(from), {
        observed: planContext(),
        load: { keys: 3, bytes: 4 },
        nowMs: 0,
      }).notes.join("; ");
    expect(notesOf(state)).toBe("");
    expect(notesOf(withTable({ ...clusterWith(["", ""]), nodes: new Map() }, "t"))).toContain(
      "waits for nodes: none of 2",
    );
    const grown = planState(recordStart(state, registerRequest(7)), planContext());
    expect(notesOf(grown)).toContain("nodes without a replica of it: 1");
    const wide = planState(withTable(clusterWith(["", ""]), "t", { replicas: 3 }), planContext({ nowMs: 60_000 }));
    expect(notesOf(wide)).toContain("wants 3 replicas of each slot, but there are 2 nodes");
  });
});

describe("restart safety", () => {
  test("a node may restart while a follower in sync is alive for each slot that it leads", () => {
    expect(judgeRestart(state, nodeIdOf(0), planContext())).toEqual({ isSafe: true, blockers: [], blockerCount: 0 });
    const others = [nodeIdOf(1), nodeIdOf(2)];
    const unsafe = judgeRestart(state, nodeIdOf(0), planContext({ dead: others }));
    expect(unsafe.isSafe).toBe(false);
    expect(unsafe.blockers[0]).toMatchObject({ table: "t", reason: "no other replica is alive and in sync" });
    expect(judgeRestart(state, nodeIdOf(0), planContext({ position: { term: 1, index: 0, state: 1 } })).isSafe).toBe(
      false,
    );
  });

  test("a slot with one replica blocks its node, and blockers are listed up to a limit", () => {
    const single = planState(withTable(clusterWith([""]), "t", { slots: 256, replicas: 1 }), planContext());
    const answer = judgeRestart(single, nodeIdOf(0), planContext());
    expect(answer.blockerCount).toBe(256);
    expect(answer.blockers).toHaveLength(100);
    expect(answer.blockers[0]?.reason).toBe("its only replica is on this node");
  });
});
