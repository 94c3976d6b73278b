import fc from "fast-check";
import { expect, it } from "vitest";
import type { TableId } from "../../../../node/meta/ids.ts";
import type { Topology, TopologyNode } from "../../../../node/meta/topology.ts";
import { RouteTable } from "../../../../node/router/core/route.ts";
import { nodeIdOf, topologyArbitrary } from "../../../support/topology-arbitrary.ts";

const SELF = nodeIdOf(1);

function leaderOf(topology: Topology, table: TableId, slot: number): TopologyNode | undefined {
  const assignment = topology.assignments.get(table)?.[slot];
  const replica = assignment?.replicas[assignment.leader];
  return replica && topology.nodes.get(replica.node);
}

function withRouting(topology: Topology, clientRouting: "Forward" | "Redirect"): Topology {
  const tables = new Map([...topology.tables].map(([id, table]) => [id, { ...table, clientRouting }]));
  return { ...topology, tables };
}

it("sends each slot to its leader, the way its table wants it", () => {
  fc.assert(
    fc.property(topologyArbitrary(), fc.constantFrom("Forward" as const, "Redirect" as const), (any, clientRouting) => {
      const topology = withRouting(any, clientRouting);
      const routes = new RouteTable(topology, SELF);
      for (const [table, slots] of topology.assignments) {
        for (let slot = 0; slot < slots.length; slot++) {
          const leader = leaderOf(topology, table, slot);
          const route = routes.find(table, slot);
          if (leader === undefined) expect(route).toEqual({ kind: "noLeader" });
          else if (leader.id === SELF) expect(route).toEqual({ kind: "local" });
          else if (clientRouting === "Redirect") expect(route).toEqual({ kind: "redirect", node: leader });
          else expect(route).toEqual({ kind: "forward", node: leader.id });
        }
        expect(routes.find(table, slots.length)).toEqual({ kind: "noSlot" });
      }
    }),
  );
});

it("names each leader of a table once, and tells when a slot has none", () => {
  fc.assert(
    fc.property(topologyArbitrary(), (topology) => {
      const routes = new RouteTable(topology, SELF);
      for (const [table, slots] of topology.assignments) {
        const leaders = slots.map((_, slot) => leaderOf(topology, table, slot)?.id);
        const named = [...routes.leaders(table)];
        expect(new Set(named).size).toBe(named.length);
        expect(new Set(named)).toEqual(new Set(leaders.filter((node) => node !== undefined)));
        expect(routes.hasLeaderless(table)).toBe(leaders.includes(undefined));
      }
    }),
  );
});
