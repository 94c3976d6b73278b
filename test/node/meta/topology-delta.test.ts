import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SlotAssignment, Topology } from "../../../node/meta/topology.ts";
import { applyDelta, diffTopology } from "../../../node/meta/topology-delta.ts";
import { topologyArbitrary } from "../../support/topology-arbitrary.ts";

const overJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const later = (from: Topology, to: Topology): Topology => ({ ...to, epoch: from.epoch + 1 });

describe("topology deltas", () => {
  test("lead from one topology to the other", () => {
    fc.assert(
      fc.property(topologyArbitrary(), topologyArbitrary(), (from, other) => {
        // A table's id is never reused, so its slot count never changes: tables of both must agree in it.
        fc.pre([...other.tables.values()].every(({ id, slots }) => (from.tables.get(id)?.slots ?? slots) === slots));
        fc.pre([...from.assignments.keys()].every((id) => !other.tables.has(id) || other.assignments.has(id)));
        const to = later(from, other);
        expect(applyDelta(from, overJson(diffTopology(from, to)))).toEqual({ ok: true, value: to });
      }),
    );
  });

  test("of one slot hold that slot only", () => {
    const from = fc
      .sample(topologyArbitrary(), { numRuns: 100, seed: 2 })
      .find(({ assignments }) => [...assignments.values()].some(({ length }) => length === 64));
    if (!from) throw new Error("no sample has 64 slots");
    const [table, slots] = [...from.assignments].find(([, { length }]) => length === 64) ?? [];
    if (!table || !slots) throw new Error("unreachable");
    const changed = [...slots];
    changed[5] = { ...(slots[5] as SlotAssignment), term: 2 ** 41 };
    const to = later(from, { ...from, assignments: new Map(from.assignments).set(table, changed) });
    const delta = diffTopology(from, to);
    expect(Object.keys(delta).toSorted()).toEqual(["assignments", "clusterId", "epoch", "from", "schema", "version"]);
    expect(delta.assignments?.[table]).toMatchObject({ slots: [[5, 2 ** 41, slots[5]?.leader, expect.anything()]] });
    expect(applyDelta(from, overJson(delta))).toEqual({ ok: true, value: to });
  });

  test("of another epoch or cluster are refused with the path", () => {
    const from = fc.sample(topologyArbitrary(), { numRuns: 1, seed: 3 })[0] as Topology;
    const delta = diffTopology(from, later(from, from));
    expect(applyDelta({ ...from, epoch: from.epoch + 7 }, delta)).toMatchObject({ ok: false, path: "from" });
    expect(applyDelta(from, { ...delta, clusterId: "d".repeat(32) })).toMatchObject({ ok: false, path: "clusterId" });
    expect(applyDelta(from, { ...delta, epoch: "x" })).toMatchObject({ ok: false, path: "epoch" });
    expect(applyDelta(from, { ...delta, assignments: { "9": { slots: [[0, 1, -1, []]] } } })).toMatchObject({
      ok: false,
      path: "assignments.9",
    });
  });
});
