import { expect, it } from "vitest";
import { parseDouble } from "../../../node/commands/argument-reader.ts";
import { findIndexRange, parseNameBound, parseScoreBound } from "../../../node/datatypes/zset-bounds.ts";

it.each([
  ["1.5", { score: 1.5, isExclusive: false }],
  ["(1.5", { score: 1.5, isExclusive: true }],
  ["-inf", { score: Number.NEGATIVE_INFINITY, isExclusive: false }],
  ["(+inf", { score: Number.POSITIVE_INFINITY, isExclusive: true }],
  ["", { score: 0, isExclusive: false }],
  ["(", { score: 0, isExclusive: true }],
  [" 1", { score: 1, isExclusive: false }],
  ["1 ", undefined],
  ["nan", undefined],
  ["((1", undefined],
  ["x", undefined],
])("reads %j as a bound of scores", (text, bound) => {
  expect(parseScoreBound(Buffer.from(text), 0, text.length, parseDouble)).toEqual(bound);
});

it.each([
  ["-", "lowest"],
  ["+", "highest"],
  ["[a", "inclusive"],
  ["(", "exclusive"],
  ["--", undefined],
  ["", undefined],
  ["a", undefined],
])("reads %j as a bound of names: %s", (text, kind) => {
  expect(parseNameBound(Buffer.from(text), 0, text.length)?.kind).toBe(kind);
});

it.each([
  [0, -1, 0, 5],
  [1, 3, 1, 4],
  [-2, 100, 3, 5],
  [-100, 0, 0, 1],
  [5, 9, 5, 5],
  [3, 1, 3, 3],
  [0, -6, 0, 0],
])("cuts [%d, %d] of five to [%d, %d)", (first, last, from, to) => {
  expect(findIndexRange(5, first, last)).toEqual({ from, to });
});
