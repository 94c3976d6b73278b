import fc from "fast-check";
import { expect, test } from "vitest";
import { growSpread, nextToGo, totalOf } from "../../../operator/resources/node-spread.ts";

const zoneNames = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 });

test("nodes that exist stay, new ones even the zones out, the order of zones means nothing", () => {
  fc.assert(
    fc.property(zoneNames, fc.nat(12), fc.nat(12), (zones, first, more) => {
      const before = growSpread(new Map(), zones, first);
      const after = growSpread(before, zones.toReversed(), first + more);
      expect(totalOf(after)).toBe(first + more);
      for (const [zone, count] of before) expect(after.get(zone)).toBeGreaterThanOrEqual(count);
      const counts = [...after.values()];
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      expect(growSpread(new Map(), zones, first + more)).toEqual(new Map([...after].toSorted()));
    }),
  );
});

test("the one that goes is the highest of the zone with the most, first of zones that are no more wanted", () => {
  const spread = new Map([
    ["a", 2],
    ["b", 3],
    ["old", 1],
  ]);
  expect(nextToGo(spread, ["a", "b"], 5)).toEqual({ zone: "old", ordinal: 0 });
  expect(nextToGo(spread, ["a", "b", "old"], 5)).toEqual({ zone: "b", ordinal: 2 });
  expect(nextToGo(spread, ["a", "b", "old"], 6)).toBeUndefined();
});
