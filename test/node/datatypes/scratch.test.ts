import fc from "fast-check";
import { expect, test } from "vitest";
import { Scratch } from "../../../node/datatypes/scratch.ts";

test("no range is given out twice, and each has its room", () => {
  const sizes = fc.array(fc.nat({ max: 40_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sizes, (wanted) => {
      const scratch = new Scratch();
      const taken = wanted.map((size, index) => {
        const start = scratch.take(size);
        scratch.buf.fill(index, start, start + size);
        return scratch.buf.subarray(start, start + size);
      });
      taken.forEach((range, index) => {
        expect(range.length).toBe(wanted[index]);
        expect(range.every((byte) => byte === index)).toBe(true);
      });
    }),
    { numRuns: 50 },
  );
});
