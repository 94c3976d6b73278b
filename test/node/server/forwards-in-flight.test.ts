/** How many commands of one connection go out to peers at once. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { ForwardsInFlight } from "../../../node/server/forwards-in-flight.ts";

const MIB = 1024 * 1024;

function windowOf(forwards: ForwardsInFlight): number {
  let count = 0;
  while (forwards.hasRoomBeside(count)) count++;
  return count;
}

it("begins with 16, opens to 1,024 by 64 small replies, and closes at once by a large one", () => {
  const forwards = new ForwardsInFlight();
  expect(windowOf(forwards)).toBe(16);
  for (let i = 0; i < 16; i++) forwards.noteExecuted(0, 5);
  expect(windowOf(forwards)).toBeGreaterThan(100);
  for (let i = 0; i < 48; i++) forwards.noteExecuted(0, 5);
  expect(windowOf(forwards)).toBe(1024);
  forwards.noteExecuted(0, MIB);
  expect(windowOf(forwards)).toBe(4);
  forwards.noteExecuted(0, 100 * MIB);
  expect(windowOf(forwards)).toBe(1);
});

it("replies of one size never take more than 4 MiB once one of them has come, or are one", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4 * MIB)), fc.integer({ min: 1, max: 64 * MIB }), (before, sizeBytes) => {
      const forwards = new ForwardsInFlight();
      for (const size of before) forwards.noteExecuted(0, size);
      forwards.noteExecuted(0, sizeBytes);
      const count = windowOf(forwards);
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count === 1 || count * sizeBytes <= 4 * MIB).toBe(true);
      expect(count).toBeLessThanOrEqual(1024);
    }),
  );
});
