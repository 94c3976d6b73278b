import { expect, it } from "vitest";
import { ScoreTree } from "../../../node/datatypes/score-tree.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const NEXT_AFTER_1 = 1 + Number.EPSILON;
const NAME = Buffer.from("a");

function makeTree(scores: readonly number[]): ScoreTree {
  const tree = new ScoreTree();
  const tx = new MapTransaction();
  tx.begin();
  tree.create(tx);
  for (const score of scores) tree.put(score, NAME, 0, 1);
  return tree;
}

it("tells scores apart that are neighbours", () => {
  const tree = makeTree([1, NEXT_AFTER_1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]);
  expect(tree.rankOfScore(1, false)).toBe(2);
  expect(tree.rankOfScore(1, true)).toBe(3);
  expect(tree.rankOfScore(NEXT_AFTER_1, false)).toBe(3);
  expect(tree.rankOfScore(0, true)).toBe(2);
  expect(tree.rankOfScore(Number.NEGATIVE_INFINITY, true)).toBe(1);
  expect(tree.rankOfScore(Number.POSITIVE_INFINITY, true)).toBe(5);
});

it("carries over all bytes of a score to find the one behind it", () => {
  // 1.9999999999999998 is stored with six bytes of 0xff at its end.
  const below2 = 2 - Number.EPSILON;
  const tree = makeTree([below2, 2]);
  expect(tree.rankOfScore(below2, true)).toBe(1);
  expect(tree.rankOfScore(2, false)).toBe(1);
});

it("finds the place of a name among those of a score", () => {
  const tree = new ScoreTree();
  const tx = new MapTransaction();
  tx.begin();
  tree.create(tx);
  for (const name of ["", "a", "a\0", "ab", "b"]) tree.put(5, Buffer.from(name), 0, name.length);
  const rank = (name: string, isAfterEqual: boolean) =>
    tree.rankOf(5, { buf: Buffer.from(name), start: 0, end: name.length, isAfterEqual });
  expect([rank("", false), rank("", true)]).toEqual([0, 1]);
  expect([rank("a", false), rank("a", true)]).toEqual([1, 2]);
  expect([rank("aa", false), rank("aa", true)]).toEqual([3, 3]);
  expect([rank("z", false), rank("z", true)]).toEqual([5, 5]);
});

it("walks in both directions and stops at the ends", () => {
  const tree = makeTree([1, 2, 3]);
  const walk = (step: () => boolean): number[] => {
    const seen: number[] = [];
    while (step()) seen.push(tree.score());
    expect(step()).toBe(false);
    return seen;
  };
  tree.seek(1);
  expect(walk(() => tree.next())).toEqual([2, 3]);
  tree.seekBack(2);
  expect(walk(() => tree.previous())).toEqual([2, 1]);
  tree.seek(3);
  expect(tree.next()).toBe(false);
  tree.seekBack(0);
  expect(tree.previous()).toBe(false);
});
