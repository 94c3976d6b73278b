import fc from "fast-check";
import { expect, it } from "vitest";
import { hash32 } from "../../../node/base/hash.ts";
import { ScoredMembers } from "../../../node/datatypes/scored-members.ts";

const HASH_KEY = { k0: 1, k1: 2 };

it("puts members in the order of (score, member) and of (hash, member)", () => {
  const entry = fc.tuple(fc.string({ maxLength: 40 }), fc.constantFrom(0, 1, -1, Number.POSITIVE_INFINITY, 2.5));
  const entries = fc.uniqueArray(entry, { selector: ([name]) => name, maxLength: 200, size: "max" });
  fc.assert(
    fc.property(entries, (all) => {
      const members = new ScoredMembers();
      for (const [name, score] of all) {
        const bytes = Buffer.from(`__${name}`);
        members.add(bytes, 2, bytes.length, score);
      }
      const read = (order: Iterable<number>) =>
        Array.from(order, (index) => {
          members.stand(index);
          const { buf, start, end } = members.element;
          return { name: Buffer.from(buf.subarray(start, end)), score: members.score };
        });
      const given = all.map(([name, score]) => ({ name: Buffer.from(name), score }));
      const hashOf = (name: Buffer) => hash32(HASH_KEY, name, 0, name.length);
      const byScore = given.toSorted((a, b) =>
        a.score === b.score ? Buffer.compare(a.name, b.name) : a.score < b.score ? -1 : 1,
      );
      const byHash = given.toSorted((a, b) => hashOf(a.name) - hashOf(b.name) || Buffer.compare(a.name, b.name));
      expect(members.count).toBe(all.length);
      expect(read(members.orderByScore())).toEqual(byScore);
      expect(read(members.orderByHash(HASH_KEY))).toEqual(byHash);
    }),
    { numRuns: 50 },
  );
});
