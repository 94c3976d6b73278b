import { expect, test } from "vitest";
import { LogIndex, MARK_EVERY_BYTES, type Segment, SlotLog } from "../../../node/binlog/log-index.ts";
import type { ReplicaId, TableId } from "../../../node/meta/ids.ts";

const table = 3 as TableId;
const replica = 1 as ReplicaId;
const segment = (firstSequence: number): Segment => ({ firstSequence, path: "", sizeBytes: 0, recordCount: 0 });

test("a range has a mark every 64 KiB", () => {
  const log = new SlotLog(table, 0, replica);
  const first = segment(1);
  for (let i = 0; i < 100; i++) log.advance(first, 80 + i * 10_000);
  const range = log.ranges[0];
  expect(range).toMatchObject({ firstIndex: 1, lastIndex: 100 });
  const gaps = range?.markOffsets.slice(1).map((offset, i) => offset - (range.markOffsets[i] as number));
  expect(gaps?.every((gap) => gap >= MARK_EVERY_BYTES && gap < MARK_EVERY_BYTES + 10_000)).toBe(true);
});

test("a turn is taken back, ranges and marks with it", () => {
  const log = new SlotLog(table, 0, replica);
  log.advance(segment(1), 80);
  log.crc = 5;
  const before = structuredClone(log.ranges);
  log.save(2);
  for (let i = 0; i < 20; i++) log.advance(log.ranges[0]?.segment as Segment, 80 + i * 70_000);
  log.advance(segment(2), 80);
  log.cutBehind({ term: 1, index: 3, crc: 9 });
  log.advance(segment(2), 160);
  log.restore();
  expect(log.ranges).toEqual(before);
  expect(log).toMatchObject({ index: 1, crc: 5 });
});

test("slots are found by table and slot; dropped segments are forgotten by all", () => {
  const index = new LogIndex();
  const log = new SlotLog(table, 16_383, replica);
  index.add(log);
  const segments = [segment(1), segment(10), segment(20)];
  index.segments.push(...segments);
  for (const at of segments) log.advance(at, 80);
  expect(index.find(table, 16_383)).toBe(log);
  expect(index.find(4, 0)).toBeUndefined();
  expect(index.dropBefore(segments[2] as Segment)).toEqual(segments.slice(0, 2));
  expect(log.firstIndex()).toBe(3);
  expect([...index.slots()]).toEqual([log]);
  index.remove(log);
  expect([...index.slots()]).toEqual([]);
});
