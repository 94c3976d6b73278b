/**
 * What a topology wants of the replicas on one node, and what must change for it (DESIGN §4.4, §5). Pure.
 *
 * Invariants
 * 1. A replica leads only in a term above every term it has seen: one that a topology gives, confirmed for this start of
 *    the node, or one that it has raised itself and all others have promised. In an older term it never leads.
 * 2. A replica is dropped only by a confirmed topology: an old persisted one may not know it yet.
 * 3. A replica with another id than the topology's is dropped before the new one is made.
 */

import type { NodeId, ReplicaId, TableId } from "../../meta/ids.ts";
import type { Replica, Topology } from "../../meta/topology.ts";

/** A replica that the topology places on this node. */
export interface WantedReplica {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly term: number;
  /** Who leads the slot: this replica, another, or none. */
  readonly leader: Replica | undefined;
  /** The other replicas of the slot. */
  readonly others: readonly Replica[];
}

/** A promise that the replica here has made: see ReplicaLog. */
export interface MadePromise {
  readonly term: number;
  readonly vote: ReplicaId;
}

/** A replica that this node has. */
export interface PresentReplica {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly role: "recovering" | "leader" | "follower";
  /** The highest term that it has seen. */
  readonly term: number;
}

export interface RolePlan {
  readonly drop: readonly PresentReplica[];
  readonly create: readonly WantedReplica[];
  /** To lead, in the wanted term, once the others were asked. */
  readonly lead: readonly WantedReplica[];
  /** To lead in a term that it raised itself, which all others have promised. */
  readonly leadRaised: readonly WantedReplica[];
  /** To lead once all others have promised a higher term: no manager has given one since the start. */
  readonly raise: readonly WantedReplica[];
  /** To follow in the wanted term, or in the higher one that it has seen; also where no replica leads. */
  readonly follow: readonly WantedReplica[];
}

/** The replicas that a topology places on a node. Tables that agree by Raft are not replicated here. */
export function wantedReplicas(topology: Topology, self: NodeId): WantedReplica[] {
  const wanted: WantedReplica[] = [];
  for (const [table, slots] of topology.assignments) {
    if (topology.tables.get(table)?.consistency === "Consistent") continue;
    for (let slot = 0; slot < slots.length; slot++) {
      const assignment = slots[slot];
      const own = assignment?.replicas.find(({ node }) => node === self);
      if (assignment === undefined || own === undefined) continue;
      wanted.push({
        table,
        slot,
        replica: own.id,
        term: assignment.term,
        leader: assignment.replicas[assignment.leader],
        others: assignment.replicas.filter((other) => other !== own),
      });
    }
  }
  return wanted;
}

/** What is wanted where a promise is newer than the topology: that the replica leads which it was made to. */
export function heedPromise(wanted: WantedReplica, self: NodeId, promise: MadePromise | undefined): WantedReplica {
  if (promise === undefined || promise.term <= wanted.term) return wanted;
  const { vote, term } = promise;
  const leader = vote === wanted.replica ? { id: vote, node: self } : wanted.others.find(({ id }) => id === vote);
  return leader === undefined ? wanted : { ...wanted, term, leader };
}

/**
 * What must change. A replica that is both to be made and given a role appears in both lists; one whose role stays as
 * it is appears in none but `follow`, which is repeated whenever its leader may have changed.
 */
export function planRoles(
  wanted: readonly WantedReplica[],
  find: (table: TableId, slot: number) => PresentReplica | undefined,
  present: {
    readonly all: Iterable<PresentReplica>;
    readonly isConfirmed: boolean;
    /** The term that a replica has raised since the start and may lead in. */
    readonly raisedTerm: (replica: ReplicaId) => number | undefined;
  },
): RolePlan {
  const create: WantedReplica[] = [];
  const lead: WantedReplica[] = [];
  const leadRaised: WantedReplica[] = [];
  const raise: WantedReplica[] = [];
  const follow: WantedReplica[] = [];
  const kept = new Set<ReplicaId>();
  for (const replica of wanted) {
    kept.add(replica.replica);
    const here = find(replica.table, replica.slot);
    const own = here?.replica === replica.replica ? here : undefined;
    // Another life of the slot is still here: it goes first, and may only by a confirmed topology.
    if (here !== undefined && own === undefined && !present.isConfirmed) continue;
    if (own === undefined) create.push(replica);
    if (replica.leader?.id !== replica.replica) follow.push(replica);
    else if (own?.role === "leader" && own.term >= replica.term) continue;
    else if (own !== undefined && isRaised(own, replica, present.raisedTerm))
      leadRaised.push({ ...replica, term: own.term });
    else if (!present.isConfirmed) raise.push(replica);
    else if (replica.term > (own?.term ?? 0)) lead.push(replica);
    else follow.push(replica);
  }
  const drop = present.isConfirmed ? [...present.all].filter(({ replica }) => !kept.has(replica)) : [];
  return { drop, create, lead, leadRaised, raise, follow };
}

function isRaised(
  own: PresentReplica,
  wanted: WantedReplica,
  raisedTerm: (replica: ReplicaId) => number | undefined,
): boolean {
  const term = raisedTerm(own.replica);
  return term !== undefined && term === own.term && term >= wanted.term;
}
