import fc from "fast-check";
import { expect, it } from "vitest";
import { leaseUntilMs } from "../../../../node/replication/core/lease.ts";

const NONE = Number.NEGATIVE_INFINITY;

it.each([
  ["a single replica needs no grant", 1, NONE, [], Number.POSITIVE_INFINITY],
  ["of two, the other is enough", 2, NONE, [500], 500],
  ["of three, both others are needed", 3, NONE, [500, 300], 300],
  ["of three, one is not enough", 3, NONE, [500, NONE], NONE],
  ["of five, the third longest counts", 5, NONE, [100, 400, 200, 300], 200],
  ["the manager's grant is enough", 3, 700, [NONE, NONE], 700],
  ["the longer one counts", 3, 200, [500, 300], 300],
])("%s", (_what, replicaCount, managerUntilMs, followersUntilMs, expected) => {
  expect(leaseUntilMs({ replicaCount, managerUntilMs, followersUntilMs })).toBe(expected);
});

it("never outlasts what any set of followers that could promote another has granted", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }), (followersUntilMs) => {
      const replicaCount = followersUntilMs.length + 1;
      const promoters = Math.floor(replicaCount / 2);
      const until = leaseUntilMs({ replicaCount, managerUntilMs: NONE, followersUntilMs });
      // The promoters that are free the soonest are all free only when the last of them is.
      const freeAt = followersUntilMs.toSorted((a, b) => a - b)[promoters - 1] as number;
      expect(until).toBeLessThanOrEqual(freeAt);
    }),
  );
});
