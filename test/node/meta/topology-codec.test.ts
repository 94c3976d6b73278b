import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeJson } from "../../../node/meta/decode.ts";
import { tableId } from "../../../node/meta/ids.ts";
import type { Topology } from "../../../node/meta/topology.ts";
import { decodeTopology, encodeTopology, topologyDocumentSchema } from "../../../node/meta/topology-codec.ts";
import { nodeIdOf, topologyArbitrary, topologyNode } from "../../support/topology-arbitrary.ts";

function sample(): Topology {
  const topology = fc
    .sample(topologyArbitrary(), { numRuns: 50, seed: 1 })
    .find(({ assignments }) => assignments.size > 1);
  if (!topology) throw new Error("no sample has two tables");
  return topology;
}

describe("the topology document", () => {
  test("gives back what was put in, through JSON", () => {
    fc.assert(
      fc.property(topologyArbitrary(), (topology) => {
        const decoded = decodeTopology(JSON.parse(JSON.stringify(encodeTopology(topology))));
        expect(decoded).toEqual({ ok: true, value: topology });
      }),
    );
  });

  test("names the path of the first fault", () => {
    const document = encodeTopology(sample());
    const path = (change: object) => {
      const decoded = decodeTopology({ ...document, ...change });
      return decoded.ok ? "" : decoded.path;
    };
    expect(path({ version: 2 })).toBe("version");
    expect(path({ epoch: -1 })).toBe("epoch");
    expect(path({ nodes: [topologyNode(1, { peerPort: 0 })] })).toBe("nodes.0.peerPort");
    const table = document.tables.find(({ id }) => document.assignments[id] !== undefined);
    expect(path({ tables: [{ ...table, slots: 3 }] })).toBe("tables.0.slots");
    expect(path({ tables: [{ ...table, slots: 16384 }] })).toMatch(/^assignments\.\d$/);
    expect(path({ assignments: { ...document.assignments, [String(table?.id)]: "AAAA" } })).toBe(
      `assignments.${table?.id}`,
    );
    expect(decodeTopology(undefined)).toMatchObject({ ok: false, path: "" });
    expect(decodeJson(topologyDocumentSchema, "{")).toMatchObject({ ok: false, path: "" });
  });

  test("is refused where a replica's node is missing or two replicas share one", () => {
    const topology = sample();
    const table = [...topology.assignments.keys()][0] ?? tableId(1);
    const slots = [...(topology.assignments.get(table) ?? [])];
    const decodeWithSlot = (nodes: number[]) => {
      slots[0] = { term: 1, leader: 0, replicas: nodes.map((n, i) => ({ id: (i + 1) as never, node: nodeIdOf(n) })) };
      return decodeTopology(
        encodeTopology({ ...topology, assignments: new Map(topology.assignments).set(table, slots) }),
      );
    };
    expect(decodeWithSlot([1, 2])).toMatchObject({ ok: true });
    expect(decodeWithSlot([1, 1])).toMatchObject({ ok: false, path: `assignments.${table}.0` });
    expect(decodeWithSlot([1, 99])).toMatchObject({ ok: false, path: `assignments.${table}.0` });
  });
});
