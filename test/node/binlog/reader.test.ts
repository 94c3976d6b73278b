import { expect, test } from "vitest";
import { appendSet, LOG_DIRECTORY, REPLICA, readValues, TABLE, TestLog } from "../../support/test-log.ts";

test("what the log does not hold is said, nothing is visited", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 400 });
  for (let i = 0; i < 10; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  log.dropBefore(log.index.segments.at(-2) as never);
  const slot = log.slot(TABLE, 0, REPLICA);
  const first = slot.firstIndex();
  expect(first).toBeGreaterThan(1);
  expect(readValues(log, 0, first - 1)).toBeUndefined();
  expect(readValues(log, 0, first)?.length).toBe(11 - first);
  expect(readValues(log, 0, 11)).toEqual([]);
  expect(log.reader.positionAt(slot, first - 1)).toBeUndefined();
});

test("positions are those that the entries have", () => {
  const log = new TestLog().open({ tailBytes: 0 });
  const positions = Array.from({ length: 20 }, (_, i) => {
    const { term, index, crc } = appendSet(log, 0, i);
    log.writer.endTurn();
    return { term, index, crc };
  });
  const slot = log.slot(TABLE, 0, REPLICA);
  for (const position of positions) expect(log.reader.positionAt(slot, position.index)).toEqual(position);
  expect(log.reader.positionAt(slot, 0)).toEqual({ term: 0, index: 0, crc: 0 });
});

test("a visitor may stop", () => {
  const log = new TestLog().open();
  for (let i = 0; i < 5; i++) appendSet(log, 0, i);
  log.writer.endTurn();
  const seen: number[] = [];
  log.reader.read(log.slot(TABLE, 0, REPLICA), { from: 2, to: 5 }, (entry) => {
    seen.push(entry.index);
    return entry.index < 3;
  });
  expect(seen).toEqual([2, 3]);
});

test("a record that was damaged after recovery is refused with its place", () => {
  const machine = new TestLog();
  const log = machine.open({ tailBytes: 0, segmentBytes: 300 });
  for (let i = 0; i < 10; i++) {
    appendSet(log, 0, "x".repeat(100));
    log.writer.endTurn();
  }
  const path = `${LOG_DIRECTORY}/${machine.files.list(LOG_DIRECTORY)[0]}`;
  const file = machine.files.files.get(path);
  if (file) file.bytes[file.sizeBytes - 5] = 0;
  expect(() => readValues(log, 0)).toThrow(new RegExp(`${path}: no valid record at offset \\d+`));
});
