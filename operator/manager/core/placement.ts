/**
 * Where replicas go. Pure and deterministic: the same nodes, loads and slots give the same placement.
 * Invariants: never two replicas of a slot on one node; replicas of a slot are in different zones as long as there is
 * an unused zone; a fresh table's leaders differ by at most one between nodes, and lie in contiguous blocks of slots
 * (so CLUSTER SLOTS is short); what is already placed does not move, and unchanged slots stay the same objects.
 */

import { assert, present } from "../../../node/base/assert.ts";
import { type NodeId, type ReplicaId, replicaId } from "../../../node/meta/ids.ts";
import type { Replica, SlotAssignment } from "../../../node/meta/topology.ts";

export interface PlacementNode {
  readonly id: NodeId;
  readonly zone: string;
}

/** How much each node has: leaders and replicas over all tables, and replicas of the table at hand. */
export class NodeLoads {
  readonly #leaders = new Map<NodeId, number>();
  readonly #replicas = new Map<NodeId, number>();

  /** Counts slots of one table. */
  add(slots: Iterable<SlotAssignment>): void {
    for (const slot of slots) {
      for (const [index, { node }] of slot.replicas.entries()) this.addReplica(node, index === slot.leader);
    }
  }

  addReplica(node: NodeId, isLeader: boolean): void {
    this.#replicas.set(node, this.replicas(node) + 1);
    if (isLeader) this.#leaders.set(node, this.leaders(node) + 1);
  }

  removeReplica(node: NodeId): void {
    this.#replicas.set(node, this.replicas(node) - 1);
  }

  leaders(node: NodeId): number {
    return this.#leaders.get(node) ?? 0;
  }

  replicas(node: NodeId): number {
    return this.#replicas.get(node) ?? 0;
  }
}

/** Gives replica ids in order; the caller stores `next` with what it made of them. */
export class ReplicaIdSource {
  #next: number;

  constructor(next: number) {
    this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  take(): ReplicaId {
    return replicaId(this.#next++);
  }
}

export interface PlacementInput {
  /** In the order that ties are decided by; at least one. */
  readonly nodes: readonly PlacementNode[];
  /** Replicas of each slot that are aimed at; fewer where there are fewer nodes. */
  readonly replicas: number;
  /** Over all tables that are placed; what is placed here is added to it. */
  readonly loads: NodeLoads;
  readonly ids: ReplicaIdSource;
}

/** A whole new table: every slot with a leader in term 1. */
export function placeTable(slotCount: number, input: PlacementInput): readonly SlotAssignment[] {
  assert(input.nodes.length > 0, "a table is placed on at least one node");
  const quotas = leaderQuotas(slotCount, input);
  const table = new NodeLoads();
  for (const [i, node] of input.nodes.entries()) {
    for (let count = 0; count < (quotas[i] as number); count++) table.addReplica(node.id, true);
  }
  const firstSlots = quotas.map((_, i) => quotas.slice(0, i).reduce((sum, quota) => sum + quota, 0));
  const groups: NodeId[][] = Array.from({ length: slotCount }, () => []);
  // One slot of each leader in turn, so that no node's followers are chosen before the others have theirs.
  for (let round = 0; round < Math.max(...quotas); round++) {
    for (const [i, node] of input.nodes.entries()) {
      if (round >= (quotas[i] as number)) continue;
      const group = [node.id];
      const rotation = i + 1 + round;
      while (group.length < input.replicas) {
        const chosen = chooseNode(group, { ...input, table, rotation });
        if (chosen === undefined) break;
        group.push(chosen);
        table.addReplica(chosen, false);
      }
      groups[(firstSlots[i] as number) + round] = group;
    }
  }
  const slots = groups.map((group) => ({
    term: 1,
    leader: 0,
    replicas: group.map((node): Replica => ({ id: input.ids.take(), node })),
  }));
  input.loads.add(slots);
  return slots;
}

/** How many slots each node leads: even, the rest to those that lead the fewest of all tables. */
function leaderQuotas(slotCount: number, input: PlacementInput): number[] {
  const count = input.nodes.length;
  const quotas: number[] = new Array(count).fill(Math.floor(slotCount / count));
  const byLeaders = input.nodes
    .map((node, i) => ({ i, leaders: input.loads.leaders(node.id), replicas: input.loads.replicas(node.id) }))
    .toSorted((a, b) => a.leaders - b.leaders || a.replicas - b.replicas || a.i - b.i);
  for (const { i } of byLeaders.slice(0, slotCount % count)) quotas[i] = (quotas[i] as number) + 1;
  return quotas;
}

interface Choice {
  readonly nodes: readonly PlacementNode[];
  readonly loads: NodeLoads;
  readonly table: NodeLoads;
  /** Which node ties begin with. */
  readonly rotation: number;
}

interface Candidate {
  readonly id: NodeId;
  readonly isNewZone: boolean;
  readonly inTable: number;
  readonly inAll: number;
}

/** The best node for one more replica of a group: a zone without one first, then the fewest replicas. */
function chooseNode(group: readonly NodeId[], choice: Choice): NodeId | undefined {
  const { nodes, loads, table } = choice;
  const zones = new Set(nodes.filter(({ id }) => group.includes(id)).map(({ zone }) => zone));
  let best: Candidate | undefined;
  for (let step = 0; step < nodes.length; step++) {
    const { id, zone } = nodes[(choice.rotation + step) % nodes.length] as PlacementNode;
    if (group.includes(id)) continue;
    const candidate = { id, isNewZone: !zones.has(zone), inTable: table.replicas(id), inAll: loads.replicas(id) };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best?.id;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.isNewZone !== b.isNewZone) return a.isNewZone;
  if (a.inTable !== b.inTable) return a.inTable < b.inTable;
  return a.inAll < b.inAll;
}

/** What a slot that is placed already should become: see `repairTable`. */
export interface RepairInput extends PlacementInput {
  /** Members that may keep replicas (draining ones too). A replica elsewhere is gone. */
  readonly isMember: (node: NodeId) => boolean;
  /**
   * The replica that shall lead a slot that has no leader now, an index into its replicas; −1 where none may yet.
   * Asked only while members hold replicas of it.
   */
  readonly chooseLeader: (slot: SlotAssignment) => number;
  /** The highest term that a member said it knows of the slot; 0 where none said anything. */
  readonly reportedTerm: (slot: SlotAssignment) => number;
}

/**
 * A table's slots with lost replicas replaced, missing ones added and surplus ones removed; the same array where
 * nothing is to do. A slot all of whose replicas are gone keeps them and has no leader: its data may come back.
 */
export function repairTable(slots: readonly SlotAssignment[], input: RepairInput): readonly SlotAssignment[] {
  const context = new RepairContext(slots, input);
  let repaired: SlotAssignment[] | undefined;
  for (const [slotIndex, slot] of slots.entries()) {
    context.slotIndex = slotIndex;
    const after = repairSlot(slot, context);
    if (after === slot) continue;
    repaired ??= [...slots];
    repaired[slotIndex] = after;
  }
  return repaired ?? slots;
}

/** Counts the table only once something must be chosen: most of the time nothing is wrong. */
class RepairContext {
  readonly input: RepairInput;
  readonly #slots: readonly SlotAssignment[];
  #table: NodeLoads | undefined;
  slotIndex = 0;

  constructor(slots: readonly SlotAssignment[], input: RepairInput) {
    this.#slots = slots;
    this.input = input;
  }

  get table(): NodeLoads {
    if (this.#table === undefined) {
      this.#table = new NodeLoads();
      this.#table.add(this.#slots);
    }
    return this.#table;
  }
}

function repairSlot(slot: SlotAssignment, context: RepairContext): SlotAssignment {
  const { input } = context;
  const hasGone = slot.replicas.some(({ node }) => !input.isMember(node));
  if (slot.replicas.length > 0 && slot.replicas.every(({ node }) => !input.isMember(node))) {
    return slot.leader === -1 ? slot : { ...slot, leader: -1 };
  }
  let led = slot;
  const leader = slot.replicas[slot.leader];
  if (leader === undefined || !input.isMember(leader.node)) {
    const chosen = input.chooseLeader(slot);
    // Until a leader may be chosen the group stays as it is: a lost replica is replaced together with its leadership.
    if (chosen === -1) return slot.leader === -1 ? slot : { ...slot, leader: -1 };
    led = { ...slot, leader: chosen, term: Math.max(slot.term, input.reportedTerm(slot)) + 1 };
  } else if (input.reportedTerm(slot) > slot.term) {
    // A replica has seen a later term (metadata of an old copy): it would follow nobody in this one.
    led = { ...slot, term: input.reportedTerm(slot) + 1 };
  }
  if (hasGone) led = keepReplicas(led, (replica) => input.isMember(replica.node));
  const wanted = Math.min(input.replicas, input.nodes.length);
  if (led.replicas.length > input.replicas) return removeSurplus(led, context);
  if (led.replicas.length < wanted) return addMissing(led, wanted, context);
  return led;
}

function keepReplicas(slot: SlotAssignment, isKept: (replica: Replica) => boolean): SlotAssignment {
  const leader = present(slot.replicas[slot.leader], "a slot's leader");
  const replicas = slot.replicas.filter(isKept);
  return { ...slot, replicas, leader: replicas.indexOf(leader) };
}

function addMissing(slot: SlotAssignment, wanted: number, context: RepairContext): SlotAssignment {
  const { input, table, slotIndex } = context;
  const group = slot.replicas.map(({ node }) => node);
  const replicas = [...slot.replicas];
  while (group.length < wanted) {
    const chosen = chooseNode(group, { nodes: input.nodes, loads: input.loads, table, rotation: slotIndex });
    if (chosen === undefined) break;
    group.push(chosen);
    replicas.push({ id: input.ids.take(), node: chosen });
    table.addReplica(chosen, false);
    input.loads.addReplica(chosen, false);
  }
  return replicas.length === slot.replicas.length ? slot : { ...slot, replicas };
}

/** Removes followers: of a zone that has another replica first, then from the node with the most replicas. */
function removeSurplus(slot: SlotAssignment, context: RepairContext): SlotAssignment {
  const { input, table } = context;
  const zoneOf = new Map(input.nodes.map(({ id, zone }) => [id, zone]));
  let left = slot;
  while (left.replicas.length > input.replicas) {
    const leader = left.replicas[left.leader];
    const zones = left.replicas.map(({ node }) => zoneOf.get(node));
    const [surplus] = left.replicas
      .map((replica, i) => ({
        replica,
        isOnlyInZone: zones.indexOf(zones[i]) === zones.lastIndexOf(zones[i]),
        inTable: table.replicas(replica.node),
        inAll: input.loads.replicas(replica.node),
      }))
      .filter(({ replica }) => replica !== leader)
      .toSorted(
        (a, b) =>
          Number(a.isOnlyInZone) - Number(b.isOnlyInZone) ||
          b.inTable - a.inTable ||
          b.inAll - a.inAll ||
          b.replica.id - a.replica.id,
      );
    if (surplus === undefined) break;
    left = keepReplicas(left, (replica) => replica !== surplus.replica);
    table.removeReplica(surplus.replica.node);
    input.loads.removeReplica(surplus.replica.node);
  }
  return left;
}
