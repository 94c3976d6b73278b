import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CandidateView, decideCandidacy, type OtherReplica } from "../../../../node/replication/core/candidacy.ts";
import type { Standing, StandingKind } from "../../../../node/wire/positions.ts";
import { nodeIdOf } from "../../../support/topology-arbitrary.ts";

const [A, B] = [nodeIdOf(2), nodeIdOf(3)];

function at(term: number, index: number) {
  return { term, index, crc: index };
}

function standing(term: number, index: number, more: Partial<Standing> = {}): Standing {
  return { kind: "standing", term, last: at(term, index), ...more };
}

function other(said: Standing | undefined, more: Partial<OtherReplica> = {}): OtherReplica {
  return { node: A, standing: said, isAwaited: said === undefined, isGivenUp: false, ...more };
}

/** A candidate for term 5 whose log ends at {4, 10}. */
function decide(others: readonly OtherReplica[], view: Partial<CandidateView> = {}) {
  return decideCandidacy({ term: 5, needsAll: false, seenTerm: 4, last: at(4, 10), others, ...view });
}

describe("a candidate for a manager's term", () => {
  it.each<[string, OtherReplica | undefined, object]>([
    ["leads without others", undefined, { kind: "lead" }],
    ["leads where the other has the same", other(standing(4, 10)), { kind: "lead" }],
    ["leads where the other has less", other(standing(4, 9)), { kind: "lead" }],
    ["leads where the other has a longer log of an older term", other(standing(3, 99)), { kind: "lead" }],
    ["fetches a longer log", other(standing(4, 11)), { kind: "fetch", node: A }],
    ["waits for an answer", other(undefined), { kind: "wait" }],
    ["leads without who is not waited for", other(undefined, { isAwaited: false }), { kind: "lead" }],
    [
      "waits until an old leader steps down",
      other(standing(4, 11, { kind: "leading" }), { isAwaited: true }),
      { kind: "wait" },
    ],
    [
      "does not wait for it for ever",
      other(standing(4, 11, { kind: "leading" }), { isAwaited: false }),
      { kind: "lead" },
    ],
    ["never counts a copy as more", other(standing(4, 11, { kind: "copying" })), { kind: "lead" }],
    ["never counts nothing as more", other(standing(0, 0, { kind: "absent" })), { kind: "lead" }],
    ["leads without what could not be fetched", other(standing(4, 11), { isGivenUp: true }), { kind: "lead" }],
    ["yields where its term is used", other(standing(5, 11)), { kind: "yield" }],
  ])("%s", (_what, one, expected) => {
    expect(decide(one === undefined ? [] : [one])).toEqual(expected);
  });

  it("takes the best of several, and waits for all before", () => {
    const best = { node: B, standing: standing(4, 12) };
    expect(decide([other(standing(4, 11)), other(standing(4, 12), best)])).toEqual({ kind: "fetch", node: B });
    expect(decide([other(standing(4, 11)), other(undefined)])).toEqual({ kind: "wait" });
  });

  it("fetches a shorter log of a newer term", () => {
    expect(decide([other(standing(4, 2))], { last: at(3, 10) })).toEqual({ kind: "fetch", node: A });
  });

  it("yields where it has seen its term itself", () => {
    expect(decide([], { seenTerm: 5 })).toEqual({ kind: "yield" });
  });
});

describe("a candidate for a term of its own", () => {
  const alone = (said: Standing | undefined, view: Partial<CandidateView> = {}) =>
    decide([other(said, { isAwaited: false }), other(standing(4, 1))], { needsAll: true, ...view });

  it.each<[string, Standing | undefined, object]>([
    ["waits for who does not answer", undefined, { kind: "wait" }],
    ["leads when all have promised", standing(4, 10, { term: 5 }), { kind: "lead" }],
    ["takes the promise of a copy", standing(4, 11, { kind: "copying", term: 5 }), { kind: "lead" }],
    ["waits for who knows another leader", standing(4, 10, { kind: "refusing", term: 3 }), { kind: "wait" }],
    ["waits for who has no replica", standing(0, 0, { kind: "absent" }), { kind: "wait" }],
    ["waits while another leads", standing(4, 10, { kind: "leading" }), { kind: "wait" }],
    [
      "asks for more where its term is given away",
      standing(4, 10, { kind: "refusing", term: 5 }),
      { kind: "raise", term: 6 },
    ],
    [
      "asks for more where a higher one is known",
      standing(4, 10, { kind: "refusing", term: 8 }),
      { kind: "raise", term: 9 },
    ],
    ["fetches what another has more", standing(4, 11, { term: 5 }), { kind: "fetch", node: A }],
  ])("%s", (_what, said, expected) => {
    expect(alone(said)).toEqual(expected);
  });

  it("needs nobody where it is the only replica, but a term that it has not seen", () => {
    expect(decide([], { needsAll: true })).toEqual({ kind: "lead" });
    expect(decide([], { needsAll: true, seenTerm: 5 })).toEqual({ kind: "raise", term: 6 });
  });
});

it("never leads with less than an answer that counts, nor in a term that an answer has used", () => {
  const anyPosition = fc.record({ term: fc.nat(6), index: fc.nat(6), crc: fc.constant(0) });
  const anyStanding = fc.record({
    kind: fc.constantFrom<StandingKind>("standing", "copying", "leading", "absent", "refusing"),
    term: fc.nat(8),
    last: anyPosition,
  });
  const anyOther = fc.record({
    node: fc.constantFrom(A, B),
    standing: fc.option(anyStanding, { nil: undefined }),
    isAwaited: fc.boolean(),
    isGivenUp: fc.constant(false),
  });
  const anyView = fc.record({
    term: fc.nat(8),
    needsAll: fc.boolean(),
    seenTerm: fc.nat(8),
    last: anyPosition,
    others: fc.array(anyOther, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(anyView, (view) => {
      const step = decideCandidacy(view);
      if (step.kind === "raise") expect(step.term).toBeGreaterThan(Math.max(view.term, view.seenTerm) - 1);
      if (step.kind !== "lead") return;
      expect(view.term).toBeGreaterThan(view.seenTerm);
      for (const { standing: said, isAwaited } of view.others) {
        if (view.needsAll) expect(["standing", "copying"]).toContain(said?.kind);
        if (view.needsAll) expect(Math.max(said?.term ?? 0, said?.last.term ?? 0)).toBeLessThanOrEqual(view.term);
        else if (said === undefined) expect(isAwaited).toBe(false);
        if (said?.kind === "standing" && said.last.index > 0) {
          expect(said.last.term).toBeLessThanOrEqual(view.last.term);
          if (said.last.term === view.last.term) expect(said.last.index).toBeLessThanOrEqual(view.last.index);
        }
      }
    }),
  );
});
