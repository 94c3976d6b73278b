import { expect, it } from "vitest";
import { InlineZset } from "../../../node/datatypes/zset-inline.ts";

function make(...entries: readonly (readonly [member: string, score: number])[]): InlineZset {
  const zset = new InlineZset();
  for (const [member, score] of entries) zset.insert(score, Buffer.from(member), 0, member.length);
  return zset;
}

function read(zset: InlineZset): [string, number][] {
  const all: [string, number][] = [];
  zset.rewind();
  while (zset.next()) all.push([zset.buf.toString("latin1", zset.memberStart, zset.memberEnd), zset.score()]);
  return all;
}

it("has the bytes of the format's example", () => {
  const zset = make(["a", 1]);
  expect(zset.buf.toString("hex", zset.finish(), zset.end)).toBe("01bff00000000000000161");
});

it("keeps the order of (score, member)", () => {
  const zset = make(["b", 1], ["c", -1], ["a", 1], ["", 1], ["z", Number.NEGATIVE_INFINITY]);
  expect(read(zset)).toEqual([
    ["z", Number.NEGATIVE_INFINITY],
    ["c", -1],
    ["", 1],
    ["a", 1],
    ["b", 1],
  ]);
  expect([zset.rankOfScore(1, false), zset.rankOfScore(1, true), zset.rankOfScore(0, true)]).toEqual([2, 5, 2]);
  zset.removeRange(1, 3);
  expect(read(zset).map(([member]) => member)).toEqual(["z", "a", "b"]);
});

it("walks back from any position to the beginning", () => {
  const zset = make(["a", 1], ["b", 2], ["c", 3]);
  const walked: [string, number][] = [];
  zset.seekBack(2);
  while (zset.previous()) walked.push([zset.buf.toString("latin1", zset.memberStart, zset.memberEnd), zset.index]);
  expect(walked).toEqual([
    ["b", 1],
    ["a", 0],
  ]);
});

it("finds places among the members of one score", () => {
  const zset = make(["a", 0], ["b", 0], ["d", 0]);
  const rank = (name: string, isAfterEqual: boolean) =>
    zset.rankOf(0, Buffer.from(name), { start: 0, end: name.length, isAfterEqual });
  expect([rank("b", false), rank("b", true), rank("c", false), rank("z", true)]).toEqual([1, 2, 2, 3]);
});

it("refuses what does not fit with nothing changed", () => {
  const zset = make(["a", 0]);
  expect(zset.insert(0, Buffer.alloc(2027), 0, 2027)).toBe(true);
  expect(zset.sizeBytes()).toBe(2048);
  expect(zset.insert(0, Buffer.from("b"), 0, 1)).toBe(false);
  expect(zset.count).toBe(2);
});
