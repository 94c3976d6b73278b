import fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs } from "../../../node/base/backoff.ts";

test("stays between half and the whole of a step that grows up to its maximum", () => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2000 }), random, (attempt, draw) => {
      const wait = backoffMs({ initialMs: 10, maxMs: 500 }, attempt, draw);
      const step = Math.min(500, 10 * 2 ** attempt);
      expect(wait).toBeGreaterThanOrEqual(step / 2);
      expect(wait).toBeLessThanOrEqual(step);
    }),
  );
});
