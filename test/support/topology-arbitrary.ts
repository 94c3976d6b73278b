/** Arbitrary topologies for property tests: valid by construction. */

import fc from "fast-check";
import { type ClusterId, type NodeId, replicaId, tableId } from "../../node/meta/ids.ts";
import type { Replica, SlotAssignment, Topology, TopologyNode, TopologyTable } from "../../node/meta/topology.ts";

export const CLUSTER = "c".repeat(32) as ClusterId;

/** A node id made of a number, for tests. */
export function nodeIdOf(number: number): NodeId {
  return number.toString(16).padStart(32, "0") as NodeId;
}

/** A node of a topology, for tests. */
export function topologyNode(number: number, over: Partial<TopologyNode> = {}): TopologyNode {
  return {
    id: nodeIdOf(number),
    name: `demo-nodes-${number}`,
    host: "127.0.0.1",
    peerPort: 9222,
    httpPort: 9223,
    announceHost: "127.0.0.1",
    announcePort: 9221,
    zone: "",
    state: "active",
    ...over,
  };
}

const NODE_NUMBERS = [1, 2, 3, 4, 5];

function slotArbitrary(): fc.Arbitrary<SlotAssignment> {
  return fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...NODE_NUMBERS), { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 2 ** 48 - 1 }), { minLength: 4, maxLength: 4 }),
      fc.integer({ min: 0, max: 2 ** 40 }),
      fc.nat(),
    )
    .map(([nodes, ids, term, pick]) => {
      const replicas: Replica[] = nodes.map((node, i) => ({ id: replicaId(ids[i] as number), node: nodeIdOf(node) }));
      return { term, leader: (pick % (replicas.length + 1)) - 1, replicas };
    });
}

export function slotsArbitrary(): fc.Arbitrary<readonly SlotAssignment[]> {
  return fc
    .constantFrom(1, 2, 4, 16, 64)
    .chain((count) => fc.array(slotArbitrary(), { minLength: count, maxLength: count }));
}

function tableArbitrary(id: number): fc.Arbitrary<[TopologyTable, readonly SlotAssignment[] | undefined]> {
  return fc
    .tuple(slotsArbitrary(), fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.boolean())
    .map(([slots, replicas, isPlaced, hasPassword]) => [
      {
        id: tableId(id),
        name: `t${id}`,
        slots: slots.length,
        replicas,
        consistency: "Asynchronous",
        clientRouting: "Forward",
        hashSeed: "0123456789abcdef",
        passwordHashes: hasPassword ? ["a".repeat(64)] : [],
      },
      isPlaced ? slots : undefined,
    ]);
}

/** Topologies of one cluster with nodes 1 … 5 and some of the tables 1 … 3. */
export function topologyArbitrary(): fc.Arbitrary<Topology> {
  const nodes = fc.tuple(
    ...NODE_NUMBERS.map((n) =>
      fc.constantFrom("active", "draining").map((state) => topologyNode(n, { state: state as "active" })),
    ),
  );
  const tables = fc.tuple(fc.option(tableArbitrary(1)), fc.option(tableArbitrary(2)), fc.option(tableArbitrary(3)));
  return fc
    .tuple(nodes, tables, fc.nat(1000), fc.constantFrom([], ["http://m0:9230"]))
    .map(([nodes, tables, epoch, managers]) => {
      const present = tables.filter((table) => table !== null);
      return {
        clusterId: CLUSTER,
        epoch,
        nodes: new Map(nodes.map((node) => [node.id, node])),
        tables: new Map(present.map(([table]) => [table.id, table])),
        assignments: new Map(present.flatMap(([table, slots]) => (slots ? [[table.id, slots]] : []))),
        adminPasswordHashes: [],
        featureLevel: 1,
        managers,
      };
    });
}
