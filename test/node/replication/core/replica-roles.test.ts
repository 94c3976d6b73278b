import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaId, type TableId, tableId } from "../../../../node/meta/ids.ts";
import {
  heedPromise,
  type PresentReplica,
  planRoles,
  type WantedReplica,
  wantedReplicas,
} from "../../../../node/replication/core/replica-roles.ts";
import { nodeIdOf, topologyArbitrary } from "../../../support/topology-arbitrary.ts";

const TABLE = tableId(1);
const SELF = nodeIdOf(1);
const OTHER = nodeIdOf(2);

function wanted(term: number, leader: "self" | "other" | "none", replica = 7): WantedReplica {
  const own = { id: replicaId(replica), node: SELF };
  const other = { id: replicaId(99), node: OTHER };
  const leaders = { self: own, other, none: undefined };
  return { table: TABLE, slot: 0, replica: own.id, term, leader: leaders[leader], others: [other] };
}

function present(term: number, role: PresentReplica["role"], replica = 7): PresentReplica {
  return { table: TABLE, slot: 0, replica: replicaId(replica), role, term };
}

function planAll(
  wants: readonly WantedReplica[],
  has: readonly PresentReplica[],
  { isConfirmed = true, raised = 0 }: { isConfirmed?: boolean; raised?: number } = {},
) {
  const find = (table: TableId, slot: number) => has.find((one) => one.table === table && one.slot === slot);
  return planRoles(wants, find, { all: has, isConfirmed, raisedTerm: () => (raised === 0 ? undefined : raised) });
}

function plan(wants: readonly WantedReplica[], has: readonly PresentReplica[], isConfirmed = true) {
  const { drop, create, lead, follow } = planAll(wants, has, { isConfirmed });
  return { drop: drop.length, create: create.length, lead: lead.length, follow: follow.length };
}

describe("the plan of roles", () => {
  it.each([
    ["a new leader is made and leads", wanted(1, "self"), undefined, { drop: 0, create: 1, lead: 1, follow: 0 }],
    ["a new follower is made and follows", wanted(1, "other"), undefined, { drop: 0, create: 1, lead: 0, follow: 1 }],
    ["a leader in its term stays", wanted(3, "self"), present(3, "leader"), { drop: 0, create: 0, lead: 0, follow: 0 }],
    ["a leader gets a new term", wanted(4, "self"), present(3, "leader"), { drop: 0, create: 0, lead: 1, follow: 0 }],
    ["a follower is promoted", wanted(4, "self"), present(3, "follower"), { drop: 0, create: 0, lead: 1, follow: 0 }],
    ["a leader steps down", wanted(4, "other"), present(3, "leader"), { drop: 0, create: 0, lead: 0, follow: 1 }],
    [
      "without a leader it follows nobody",
      wanted(4, "none"),
      present(3, "leader"),
      { drop: 0, create: 0, lead: 0, follow: 1 },
    ],
    ["no term is led twice", wanted(3, "self"), present(3, "recovering"), { drop: 0, create: 0, lead: 0, follow: 1 }],
    ["an old term is not led", wanted(2, "self"), present(3, "follower"), { drop: 0, create: 0, lead: 0, follow: 1 }],
    [
      "another life of the slot goes first",
      wanted(4, "self", 8),
      present(3, "leader"),
      { drop: 1, create: 1, lead: 1, follow: 0 },
    ],
  ])("%s", (_what, want, has, expected) => {
    expect(plan([want], has === undefined ? [] : [has])).toEqual(expected);
  });

  it("drops what is placed here no more, but not by an unconfirmed topology", () => {
    expect(plan([], [present(3, "follower")])).toEqual({ drop: 1, create: 0, lead: 0, follow: 0 });
    expect(plan([], [present(3, "follower")], false)).toEqual({ drop: 0, create: 0, lead: 0, follow: 0 });
    expect(plan([wanted(4, "self", 8)], [present(3, "leader")], false)).toEqual({
      drop: 0,
      create: 0,
      lead: 0,
      follow: 0,
    });
  });

  it("lets a replica follow by an unconfirmed topology, but not lead", () => {
    expect(plan([wanted(4, "self")], [present(3, "recovering")], false)).toEqual({
      drop: 0,
      create: 0,
      lead: 0,
      follow: 0,
    });
    expect(plan([wanted(4, "other")], [present(3, "recovering")], false)).toEqual({
      drop: 0,
      create: 0,
      lead: 0,
      follow: 1,
    });
  });

  it("raises its own term where no manager has given one, and leads in it once all others have promised", () => {
    const has = [present(3, "recovering")];
    expect(planAll([wanted(3, "self")], has, { isConfirmed: false }).raise).toEqual([wanted(3, "self")]);
    expect(planAll([wanted(3, "self")], has, { isConfirmed: true }).raise).toEqual([]);
    expect(planAll([wanted(3, "other")], has, { isConfirmed: false }).raise).toEqual([]);
    expect(planAll([wanted(3, "self")], [present(4, "leader")], { isConfirmed: false }).raise).toEqual([]);
    const raised = planAll([wanted(3, "self")], [present(4, "recovering")], { isConfirmed: false, raised: 4 });
    expect(raised).toMatchObject({ raise: [], lead: [], leadRaised: [wanted(4, "self")] });
    // A confirmed term that is no higher than what all have promised is led in as promised.
    expect(
      planAll([wanted(4, "self")], [present(4, "recovering")], { isConfirmed: true, raised: 4 }).leadRaised,
    ).toEqual([wanted(4, "self")]);
    // Whatever it has seen since, or a topology gives, goes before.
    expect(
      planAll([wanted(3, "self")], [present(5, "recovering")], { isConfirmed: false, raised: 4 }).leadRaised,
    ).toEqual([]);
    expect(
      planAll([wanted(5, "self")], [present(4, "recovering")], { isConfirmed: true, raised: 4 }).leadRaised,
    ).toEqual([]);
    expect(planAll([wanted(5, "self")], [present(4, "recovering")], { isConfirmed: true, raised: 4 }).lead).toEqual([
      wanted(5, "self"),
    ]);
  });

  it("heeds a promise that is newer than the topology, and only to a replica of the slot", () => {
    const [own, other] = [replicaId(7), replicaId(99)];
    expect(heedPromise(wanted(3, "self"), SELF, undefined)).toEqual(wanted(3, "self"));
    expect(heedPromise(wanted(3, "self"), SELF, { term: 4, vote: other })).toEqual(wanted(4, "other"));
    expect(heedPromise(wanted(3, "other"), SELF, { term: 4, vote: own })).toEqual(wanted(4, "self"));
    expect(heedPromise(wanted(4, "self"), SELF, { term: 4, vote: other })).toEqual(wanted(4, "self"));
    expect(heedPromise(wanted(3, "self"), SELF, { term: 4, vote: replicaId(55) })).toEqual(wanted(3, "self"));
  });

  it("never leads in a term that was seen, nor at two places", () => {
    fc.assert(
      fc.property(topologyArbitrary(), fc.nat(), (topology, seenTerm) => {
        const ids = [...topology.assignments.values()].flat().flatMap(({ replicas }) => replicas.map(({ id }) => id));
        fc.pre(new Set(ids).size === ids.length);
        const leading = new Map<string, number>();
        for (const node of topology.nodes.keys()) {
          const wants = wantedReplicas(topology, node);
          const has = wants.map(({ table, slot, replica }) => ({
            table,
            slot,
            replica,
            role: "follower" as const,
            term: seenTerm,
          }));
          for (const { table, slot, term } of planAll(wants, has).lead) {
            expect(term).toBeGreaterThan(seenTerm);
            const key = `${table}/${slot}`;
            leading.set(key, (leading.get(key) ?? 0) + 1);
          }
        }
        for (const count of leading.values()) expect(count).toBe(1);
      }),
    );
  });
});
