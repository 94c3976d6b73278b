/**
 * Where a slot's commands go, decided once for each topology and looked up for each command.
 * Pure: (topology, own node, table, slot) → route. A lookup allocates nothing; routes are shared values.
 */

import type { NodeId, TableId } from "../../meta/ids.ts";
import type { SlotAssignment, Topology, TopologyNode } from "../../meta/topology.ts";

export type Route =
  /** This node leads the slot. */
  | { readonly kind: "local" }
  /** Ask the peer that leads it. */
  | { readonly kind: "forward"; readonly node: NodeId }
  /** The table wants its clients to go there themselves: answer MOVED. */
  | { readonly kind: "redirect"; readonly node: TopologyNode }
  /** No replica leads it now. */
  | { readonly kind: "noLeader" }
  /** No such table or slot in this topology. */
  | { readonly kind: "noSlot" };

const LOCAL: Route = { kind: "local" };
const NO_LEADER: Route = { kind: "noLeader" };
const NO_SLOT: Route = { kind: "noSlot" };

export class RouteTable {
  readonly epoch: number;
  readonly #routes = new Map<TableId, readonly Route[]>();
  readonly #leaders = new Map<TableId, readonly NodeId[]>();

  constructor(topology: Topology, self: NodeId) {
    this.epoch = topology.epoch;
    for (const [id, assignments] of topology.assignments) {
      const shared = new Map<NodeId, Route>();
      const isRedirecting = topology.tables.get(id)?.clientRouting === "Redirect";
      this.#routes.set(
        id,
        assignments.map((assignment) => {
          const node = leadingNode(topology, assignment);
          if (node === undefined) return NO_LEADER;
          if (node.id === self) return LOCAL;
          const known = shared.get(node.id);
          if (known !== undefined) return known;
          const route: Route = isRedirecting ? { kind: "redirect", node } : { kind: "forward", node: node.id };
          shared.set(node.id, route);
          return route;
        }),
      );
      this.#leaders.set(id, leadersOf(topology, assignments));
    }
  }

  /** Where commands for a slot go. */
  find(table: TableId, slot: number): Route {
    return this.#routes.get(table)?.[slot] ?? NO_SLOT;
  }

  /** The nodes that lead slots of a table, this one included, each once; for the commands that visit all leaders. */
  leaders(table: TableId): readonly NodeId[] {
    return this.#leaders.get(table) ?? [];
  }

  /** Whether a table has a slot that nobody leads: a command that visits all leaders would miss it. */
  hasLeaderless(table: TableId): boolean {
    return this.#routes.get(table)?.includes(NO_LEADER) ?? false;
  }
}

function leadingNode(topology: Topology, assignment: SlotAssignment): TopologyNode | undefined {
  const replica = assignment.replicas[assignment.leader];
  return replica && topology.nodes.get(replica.node);
}

function leadersOf(topology: Topology, assignments: readonly SlotAssignment[]): readonly NodeId[] {
  const nodes = new Set<NodeId>();
  for (const assignment of assignments) {
    const node = leadingNode(topology, assignment);
    if (node !== undefined) nodes.add(node.id);
  }
  return [...nodes];
}
