import { expect, test } from "vitest";
import { Prng } from "../../../node/base/prng.ts";

test("the same seed gives the same numbers, another seed others", () => {
  const draw = (seed: number) => {
    const random = new Prng(seed);
    return Array.from({ length: 8 }, () => random.nextUint32());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  const reused = new Prng(1);
  reused.reseed(7);
  expect(reused.nextUint32()).toBe(draw(7)[0]);
});

test("nextBelow covers its range evenly and never leaves it", () => {
  const random = new Prng(42);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const value = random.nextBelow(10);
    counts[value] = (counts[value] as number) + 1;
  }
  expect(counts).toHaveLength(10);
  expect(Math.min(...counts)).toBeGreaterThan(9_500);
  expect(Math.max(...counts)).toBeLessThan(10_500);
});
