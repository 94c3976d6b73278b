import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NodeId } from "../../../../node/meta/ids.ts";
import type { SlotAssignment } from "../../../../node/meta/topology.ts";
import {
  NodeLoads,
  type PlacementNode,
  placeTable,
  ReplicaIdSource,
  repairTable,
} from "../../../../operator/manager/core/placement.ts";
import { nodeIdOf } from "../../../support/topology-arbitrary.ts";

const nodesOf = (zones: readonly string[]): PlacementNode[] => zones.map((zone, i) => ({ id: nodeIdOf(i), zone }));
const place = (slots: number, zones: readonly string[], replicas: number) =>
  placeTable(slots, { nodes: nodesOf(zones), replicas, loads: new NodeLoads(), ids: new ReplicaIdSource(1) });

const spreadOf = (counts: Iterable<number>): number => {
  const all = [...counts];
  return Math.max(...all) - Math.min(...all);
};
const countBy = (
  slots: readonly SlotAssignment[],
  zones: readonly string[],
  pick: (slot: SlotAssignment) => NodeId[],
) => {
  const counts = new Map(zones.map((_, i) => [nodeIdOf(i), 0]));
  for (const slot of slots) for (const node of pick(slot)) counts.set(node, (counts.get(node) ?? 0) + 1);
  return counts;
};
const leaderNode = (slot: SlotAssignment): NodeId[] =>
  slot.replicas.slice(slot.leader, slot.leader + 1).map(({ node }) => node);
const allNodes = (slot: SlotAssignment): NodeId[] => slot.replicas.map(({ node }) => node);

function checkGroups(slots: readonly SlotAssignment[], zones: readonly string[], replicas: number): void {
  const zoneOf = new Map(zones.map((zone, i) => [nodeIdOf(i), zone]));
  const zoneCount = new Set(zones).size;
  const ids = new Set<number>();
  for (const slot of slots) {
    const nodes = allNodes(slot);
    expect(new Set(nodes).size).toBe(nodes.length);
    expect(nodes.length).toBe(Math.min(replicas, zones.length));
    expect(new Set(nodes.map((node) => zoneOf.get(node))).size).toBe(Math.min(nodes.length, zoneCount));
    for (const { id } of slot.replicas) {
      expect(ids.has(id)).toBe(false);
      ids.add(id);
    }
  }
}

const zonesArbitrary = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 9 });
const slotsArbitrary = fc.constantFrom(1, 2, 8, 64, 256);
const replicasArbitrary = fc.integer({ min: 1, max: 4 });

describe("placing a table", () => {
  test("spreads leaders evenly and replicas over nodes and zones", () => {
    fc.assert(
      fc.property(slotsArbitrary, zonesArbitrary, replicasArbitrary, (count, zones, replicas) => {
        const slots = place(count, zones, replicas);
        expect(slots).toHaveLength(count);
        expect(slots.every(({ term, leader }) => term === 1 && leader === 0)).toBe(true);
        checkGroups(slots, zones, replicas);
        expect(spreadOf(countBy(slots, zones, leaderNode).values())).toBeLessThanOrEqual(1);
        expect(place(count, zones, replicas)).toEqual(slots);
      }),
    );
  });

  test("without zones gives every node as many replicas", () => {
    fc.assert(
      fc.property(slotsArbitrary, fc.integer({ min: 1, max: 9 }), replicasArbitrary, (count, nodes, replicas) => {
        const zones = new Array<string>(nodes).fill("");
        const spread = spreadOf(countBy(place(count, zones, replicas), zones, allNodes).values());
        expect(spread).toBeLessThanOrEqual(count < nodes ? replicas : 2);
      }),
    );
  });

  test("leads contiguous blocks", () => {
    const slots = place(64, ["", "", ""], 2);
    const changes = slots.filter(
      (slot, i) => i > 0 && leaderNode(slot)[0] !== leaderNode(slots[i - 1] as SlotAssignment)[0],
    );
    expect(changes).toHaveLength(2);
  });

  test("puts many tables of one slot on different nodes", () => {
    const nodes = nodesOf(["", "", "", ""]);
    const loads = new NodeLoads();
    const ids = new ReplicaIdSource(1);
    const slots = Array.from({ length: 8 }, () => placeTable(1, { nodes, replicas: 2, loads, ids })).flat();
    expect([...countBy(slots, ["", "", "", ""], leaderNode).values()]).toEqual([2, 2, 2, 2]);
    expect([...countBy(slots, ["", "", "", ""], allNodes).values()]).toEqual([4, 4, 4, 4]);
  });

  test("of 16,384 slots on 100 nodes is quick enough to be done in one go", () => {
    const zones = Array.from({ length: 100 }, (_, i) => `z${i % 3}`);
    checkGroups(place(16384, zones, 3), zones, 3);
  });
});

describe("repairing a table", () => {
  const repair = (
    slots: readonly SlotAssignment[],
    zones: readonly string[],
    input: {
      replicas: number;
      gone?: readonly NodeId[];
      chooseLeader?: (slot: SlotAssignment) => number;
      reportedTerm?: number;
    },
  ) => {
    const gone = new Set(input.gone ?? []);
    const ids = new ReplicaIdSource(1_000_000);
    const loads = new NodeLoads();
    loads.add(slots);
    const repaired = repairTable(slots, {
      nodes: nodesOf(zones).filter(({ id }) => !gone.has(id)),
      replicas: input.replicas,
      loads,
      ids,
      isMember: (node) => !gone.has(node) && Number.parseInt(node, 16) < zones.length,
      chooseLeader: input.chooseLeader ?? ((slot) => slot.replicas.findIndex(({ node }) => !gone.has(node))),
      reportedTerm: () => input.reportedTerm ?? 1,
    });
    return { repaired, created: ids.next - 1_000_000 };
  };

  test("changes nothing where nothing is wrong", () => {
    fc.assert(
      fc.property(slotsArbitrary, zonesArbitrary, replicasArbitrary, (count, zones, replicas) => {
        const slots = place(count, zones, replicas);
        expect(repair(slots, zones, { replicas }).repaired).toBe(slots);
      }),
    );
  });

  test("adds followers when more replicas are wanted, and moves nothing", () => {
    fc.assert(
      fc.property(slotsArbitrary, zonesArbitrary, replicasArbitrary, replicasArbitrary, (count, zones, from, more) => {
        const slots = place(count, zones, from);
        const { repaired, created } = repair(slots, zones, { replicas: from + more });
        checkGroups(repaired, zones, from + more);
        for (const [i, slot] of repaired.entries()) {
          const before = slots[i] as SlotAssignment;
          expect(slot.replicas.slice(0, before.replicas.length)).toEqual(before.replicas);
          expect([slot.leader, slot.term]).toEqual([before.leader, before.term]);
        }
        expect(created).toBe(repaired.flatMap(allNodes).length - slots.flatMap(allNodes).length);
      }),
    );
  });

  test("removes followers and never the leader when fewer are wanted", () => {
    fc.assert(
      fc.property(slotsArbitrary, zonesArbitrary, replicasArbitrary, replicasArbitrary, (count, zones, to, more) => {
        const slots = place(count, zones, to + more);
        const { repaired } = repair(slots, zones, { replicas: to });
        checkGroups(repaired, zones, to);
        expect(repaired.map(leaderNode)).toEqual(slots.map(leaderNode));
        expect(repaired.map(({ term }) => term)).toEqual(slots.map(({ term }) => term));
      }),
    );
  });

  test("replaces a lost node's replicas, gives its leaderships away in a new term, and keeps what is lost for good", () => {
    fc.assert(
      fc.property(slotsArbitrary, zonesArbitrary, replicasArbitrary, fc.nat(), (count, zones, replicas, pick) => {
        const slots = place(count, zones, replicas);
        const gone = nodeIdOf(pick % zones.length);
        const { repaired } = repair(slots, zones, { replicas, gone: [gone] });
        for (const [i, slot] of repaired.entries()) {
          const before = slots[i] as SlotAssignment;
          if (!allNodes(before).includes(gone)) {
            expect(slot).toBe(before);
          } else if (before.replicas.length === 1) {
            expect(slot).toEqual({ ...before, leader: -1 });
          } else {
            expect(allNodes(slot)).not.toContain(gone);
            expect(slot.replicas).toHaveLength(Math.min(replicas, zones.length - 1));
            const hasLostLeader = leaderNode(before)[0] === gone;
            expect(slot.term).toBe(before.term + (hasLostLeader ? 1 : 0));
            const leader = slot.replicas[slot.leader];
            expect(before.replicas).toContainEqual(leader);
          }
        }
      }),
    );
  });

  test("gives a term above one that a replica has seen", () => {
    const slots = place(4, ["", ""], 2);
    const { repaired } = repair(slots, ["", ""], { replicas: 2, reportedTerm: 6 });
    expect(repaired).toEqual(slots.map((slot) => ({ ...slot, term: 7 })));
  });

  test("leaves a group alone, without a leader, while none may be chosen", () => {
    const slots = place(8, ["", ""], 2);
    const { repaired } = repair(slots, ["", ""], { replicas: 2, gone: [nodeIdOf(0)], chooseLeader: () => -1 });
    for (const [i, slot] of repaired.entries()) {
      const before = slots[i] as SlotAssignment;
      if (leaderNode(before)[0] === nodeIdOf(0)) expect(slot).toEqual({ ...before, leader: -1 });
    }
  });
});
