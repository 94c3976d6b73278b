import fc from "fast-check";
import { expect, it } from "vitest";
import { readScore, SCORE_BYTES, writeScore } from "../../../node/datatypes/zset-score.ts";

function stored(score: number): Buffer {
  const bytes = Buffer.alloc(SCORE_BYTES);
  writeScore(bytes, 0, score);
  return bytes;
}

it.each([
  [1, "bff0000000000000"],
  [-1, "400fffffffffffff"],
  [0, "8000000000000000"],
  [-0, "8000000000000000"],
  [Number.POSITIVE_INFINITY, "fff0000000000000"],
  [Number.NEGATIVE_INFINITY, "000fffffffffffff"],
])("stores %d as %s", (score, hex) => {
  expect(stored(score).toString("hex")).toBe(hex);
});

const anyScore = fc.double({ noNaN: true });

it("reads back what it stored, but for the sign of zero", () => {
  fc.assert(fc.property(anyScore, (score) => readScore(stored(score), 0) === score));
  expect(Object.is(readScore(stored(-0), 0), 0)).toBe(true);
});

it("orders bytes as numbers", () => {
  fc.assert(
    fc.property(
      anyScore,
      anyScore,
      (a, b) => Math.sign(Buffer.compare(stored(a), stored(b))) === Math.sign(compare(a, b)),
    ),
  );
});

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

it("refuses NaN", () => {
  expect(() => stored(Number.NaN)).toThrow("a score is a number");
});
