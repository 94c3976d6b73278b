import { expect, test } from "vitest";
import { type Segment, SlotLog } from "../../../node/binlog/log-index.ts";
import { decideRetention } from "../../../node/binlog/retention.ts";
import type { ReplicaId, TableId } from "../../../node/meta/ids.ts";

const segments: Segment[] = [1, 2, 3, 4].map((n) => ({
  firstSequence: 100 * n,
  path: `/${n}`,
  sizeBytes: 1000,
  recordCount: 100,
}));
const NONE = Number.POSITIVE_INFINITY;
const wide = { followerBytes: 1e9, copyBytes: 1e9, pinnedBytes: 1e9 };

/** A slot with entry i in segment `places[i - 1]`. */
function slotWith(slot: number, ...places: number[]): SlotLog {
  const log = new SlotLog(1 as TableId, slot, 1 as ReplicaId);
  for (const place of places) log.advance(segments[place] as Segment, 80);
  return log;
}

test("without slots only the segment being written stays", () => {
  expect(decideRetention(segments, [], wide)).toEqual({ keepFrom: segments[3], flushFirst: [] });
});

test("what is not durable in the database stays", () => {
  const log = slotWith(0, 0, 1, 2);
  const keep = (durableIndex: number) =>
    decideRetention(segments, [{ log, durableIndex, followersNeedFrom: NONE, copiesNeedFrom: NONE }], wide).keepFrom;
  expect(keep(0)).toBe(segments[0]);
  expect(keep(1)).toBe(segments[1]);
  expect(keep(2)).toBe(segments[2]);
  expect(keep(3)).toBe(segments[3]);
});

test("what followers need stays up to the bound of bytes, what recovery needs beyond it", () => {
  const log = slotWith(0, 0, 1, 2, 3);
  const decide = (durableIndex: number, followerBytes: number) =>
    decideRetention(segments, [{ log, durableIndex, followersNeedFrom: 1, copiesNeedFrom: NONE }], {
      ...wide,
      followerBytes,
    }).keepFrom;
  expect(decide(4, 1e9)).toBe(segments[0]);
  expect(decide(4, 2500)).toBe(segments[2]);
  expect(decide(4, 10)).toBe(segments[3]);
  expect(decide(1, 10)).toBe(segments[1]);
});

test("what a copy on its way needs stays up to its own bound", () => {
  const log = slotWith(0, 0, 1, 2, 3);
  const decide = (copiesNeedFrom: number, copyBytes: number) =>
    decideRetention(segments, [{ log, durableIndex: 4, followersNeedFrom: 1, copiesNeedFrom }], {
      ...{ followerBytes: 10, pinnedBytes: 1e9, copyBytes },
    }).keepFrom;
  expect(decide(NONE, 1e9)).toBe(segments[3]);
  expect(decide(2, 1e9)).toBe(segments[1]);
  expect(decide(2, 2500)).toBe(segments[2]);
});

test("slots that pin old segments are named, the oldest first", () => {
  const slots = [slotWith(0, 1, 3), slotWith(1, 0, 3), slotWith(2, 3)].map((log) => ({
    log,
    durableIndex: 0,
    followersNeedFrom: NONE,
    copiesNeedFrom: NONE,
  }));
  const { flushFirst } = decideRetention(segments, slots, { ...wide, pinnedBytes: 2500 });
  expect(flushFirst.map((log) => log.slot)).toEqual([1, 0]);
});
