import fc from "fast-check";
import { expect, it } from "vitest";
import { Prng } from "../../../node/base/prng.ts";
import { samplePositions } from "../../../node/datatypes/sampling.ts";

it("picks so many different positions, ascending, the same for the same seed", () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(60), fc.nat(500), (seed, count, more) => {
      const total = count + more;
      const positions = [...samplePositions(new Prng(seed), count, total)];
      expect(positions.length).toBe(count);
      expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
      expect(positions.every((position) => position >= 0 && position < total)).toBe(true);
      expect([...samplePositions(new Prng(seed), count, total)]).toEqual(positions);
    }),
  );
});

it.each([
  [2, 5],
  [2, 20],
])("picks %d of %d, every position with the same chance", (count, total) => {
  const random = new Prng(7);
  const rounds = 10_000;
  const hits = new Array<number>(total).fill(0);
  for (let round = 0; round < rounds; round++) {
    for (const position of samplePositions(random, count, total)) hits[position] = (hits[position] ?? 0) + 1;
  }
  const expected = (rounds * count) / total;
  const deviation = Math.sqrt(expected * (1 - count / total));
  for (const hit of hits) expect(Math.abs(hit - expected)).toBeLessThan(5 * deviation);
});
