import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SlotAssignment } from "../../../../node/meta/topology.ts";
import { checkTopology } from "../../../../node/meta/topology-codec.ts";
import { type ClusterState, toTopology } from "../../../../operator/manager/core/cluster-state.ts";
import { PLACEMENT_WAIT_MS, placementObstacle, planState } from "../../../../operator/manager/core/plan.ts";
import { recordStart } from "../../../../operator/manager/core/registration.ts";
import { clusterWith, planContext, registerRequest, withTable } from "../../../support/cluster-states.ts";
import { nodeIdOf } from "../../../support/topology-arbitrary.ts";

const slotsOf = (state: ClusterState): readonly SlotAssignment[] => [...state.assignments.values()].flat();

/** Node `number` comes back with an empty disk, as node `as`. */
function replaceNode(state: ClusterState, number: number, as: number): ClusterState {
  return recordStart(state, registerRequest(as, { name: `demo-nodes-${number}` }));
}

describe("planning", () => {
  test("places a table once all expected nodes are there, or after a while on those that are", () => {
    const alone = withTable(clusterWith(["", "", ""]), "t");
    const few: ClusterState = { ...alone, nodes: new Map([...alone.nodes].slice(0, 2)) };
    const record = [...few.tables.values()][0];
    if (!record) throw new Error("there is a table");
    expect(placementObstacle(few, record, 0)).toBe("waits for nodes: 2 of 3 have registered");
    expect(planState(few, planContext())).toBe(few);
    expect(slotsOf(planState(few, planContext({ nowMs: PLACEMENT_WAIT_MS })))).toHaveLength(64);
    const none: ClusterState = { ...alone, nodes: new Map() };
    expect(planState(none, planContext({ nowMs: PLACEMENT_WAIT_MS })).assignments.size).toBe(0);
    expect(slotsOf(planState(alone, planContext()))).toHaveLength(64);
  });

  test("aims at two replicas where a table says nothing and there are two nodes", () => {
    const one = planState(withTable(clusterWith([""]), "t"), planContext());
    expect([...one.tables.values()][0]?.table.replicas).toBe(1);
    const two = planState(recordStart(one, registerRequest(1)), planContext());
    expect([...two.tables.values()][0]?.table.replicas).toBe(2);
    expect(slotsOf(two).every(({ replicas }) => replicas.length === 2)).toBe(true);
    expect(slotsOf(two).map(({ replicas }) => replicas[0])).toEqual(slotsOf(one).map(({ replicas }) => replicas[0]));
  });

  test("is done when it is done, and never reuses a replica's id", () => {
    const tables = fc.array(
      fc.record({ slots: fc.constantFrom(1, 4, 16), replicas: fc.option(fc.integer({ min: 1, max: 3 })) }),
      { maxLength: 4 },
    );
    const steps = fc.array(fc.record({ replace: fc.nat(3), position: fc.boolean() }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), tables, steps, (nodeCount, specs, changes) => {
        let state = clusterWith(new Array<string>(nodeCount).fill(""));
        for (const [i, spec] of specs.entries()) state = withTable(state, `t${i}`, spec);
        state = planState(state, planContext());
        const used = new Set<number>();
        let nextNode = 10;
        for (const { replace, position } of changes) {
          const before = new Set(slotsOf(state).flatMap(({ replicas }) => replicas.map(({ id }) => id)));
          for (const id of before) used.add(id);
          state = replaceNode(state, replace % nodeCount, nextNode++);
          state = planState(state, planContext({ mayReplaceLeaders: position }));
          for (const { replicas } of slotsOf(state)) {
            for (const { id } of replicas) expect(before.has(id) || !used.has(id)).toBe(true);
          }
        }
        state = planState(state, planContext());
        expect(planState(state, planContext())).toBe(state);
        expect(checkTopology(toTopology(state, [])).ok).toBe(true);
      }),
    );
  });

  test("gives a lost leader's slots to the follower that has most, once every member has said where it stands", () => {
    const state = planState(withTable(clusterWith(["", "", ""]), "t", { slots: 4, replicas: 3 }), planContext());
    const lost = replaceNode(state, 0, 10);
    const led = slotsOf(state).filter(({ replicas, leader }) => replicas[leader]?.node === nodeIdOf(0));
    const leaderless = (plan: ClusterState) => slotsOf(plan).filter(({ leader }) => leader === -1).length;
    expect(leaderless(planState(lost, planContext({ mayReplaceLeaders: false })))).toBe(led.length);
    expect(leaderless(planState(lost, planContext({ positionOf: () => undefined })))).toBe(led.length);
    expect(leaderless(planState(lost, planContext({ dead: [nodeIdOf(2)] })))).toBe(led.length);
    expect(leaderless(planState(lost, planContext({ position: { term: 1, index: 1, state: 1 } })))).toBe(led.length);
    const onNode = (node: number) =>
      new Set(
        slotsOf(state).flatMap(({ replicas }) => replicas.filter((r) => r.node === nodeIdOf(node)).map(({ id }) => id)),
      );
    const second = onNode(2);
    const planned = planState(
      lost,
      planContext({ positionOf: (id) => ({ term: 1, index: second.has(id) ? 9 : 5, state: 0 }) }),
    );
    for (const [slot, after] of slotsOf(planned).entries()) {
      const before = slotsOf(state)[slot];
      if (!before || !led.includes(before)) continue;
      expect(after.replicas[after.leader]?.node).toBe(nodeIdOf(2));
      expect(after.term).toBe(before.term + 1);
      expect(after.replicas.map(({ node }) => node)).toContain(nodeIdOf(10));
    }
  });

  test("never empties a slot whose only replica is lost", () => {
    const state = planState(withTable(clusterWith(["", ""]), "t", { slots: 8, replicas: 1 }), planContext());
    const planned = planState(replaceNode(state, 0, 10), planContext());
    for (const [slot, after] of slotsOf(planned).entries()) {
      const before = slotsOf(state)[slot];
      if (before?.replicas[0]?.node === nodeIdOf(0)) expect(after).toEqual({ ...before, leader: -1 });
      else expect(after).toBe(before);
    }
    // The topology still names the node that has the data, so that everything refers to something.
    expect(toTopology(planned, []).nodes.get(nodeIdOf(0))?.state).toBe("retired");
  });
});
