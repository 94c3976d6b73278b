import fc from "fast-check";
import { expect, test } from "vitest";
import { SteadyTime } from "../../../node/shard/steady-time.ts";

test("is the clock's time, goes on at half speed behind a clock that was set back, until it has caught up", () => {
  const time = new SteadyTime();
  expect(time.advance(1_000_000, 50)).toBe(1_000_000);
  expect(time.advance(1_000_100, 150)).toBe(1_000_100);
  expect(time.advance(1_000_000, 250)).toBe(1_000_150);
  expect(time.advance(1_000_100, 350)).toBe(1_000_200);
  expect(time.advance(1_000_200, 450)).toBe(1_000_250);
  expect(time.advance(1_000_300, 550)).toBe(1_000_300);
  expect(time.advance(9_000_000, 551)).toBe(9_000_000);
});

test("never goes back and never falls behind the clock, whatever the clock does", () => {
  const step = fc.record({
    jumpMs: fc.integer({ min: -10_000, max: 10_000 }),
    passedMs: fc.double({ min: 0, max: 5000, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const time = new SteadyTime();
      let [wallMs, monotonicMs, last] = [1e12, 0, 0];
      for (const { jumpMs, passedMs } of steps) {
        monotonicMs += passedMs;
        wallMs += Math.floor(passedMs) + jumpMs;
        const nowMs = time.advance(wallMs, monotonicMs);
        expect(nowMs).toBeGreaterThanOrEqual(Math.max(last, wallMs));
        last = nowMs;
      }
    }),
  );
});
