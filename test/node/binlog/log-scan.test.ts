import { expect, test } from "vitest";
import type { SlotLog } from "../../../node/binlog/log-index.ts";
import { LogScan } from "../../../node/binlog/log-scan.ts";
import { appendSet, TestLog } from "../../support/test-log.ts";

function scan(machine: TestLog, appliedOf: (log: SlotLog) => number): string[] {
  const log = machine.open({ tailBytes: 0 });
  const reading = new LogScan(log.index, log.reader, appliedOf);
  const seen: string[] = [];
  while (reading.next(7, (slot, entry) => seen.push(`${slot.slot}:${entry.index}`)));
  return seen;
}

test("all entries come in the order of the log, over segments", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 700 });
  const expected: string[] = [];
  for (let i = 0; i < 40; i++) {
    expected.push(`${i % 3}:${appendSet(log, i % 3, i).index}`);
    log.writer.endTurn();
  }
  expect(scan(machine, () => 0)).toEqual(expected);
});

test("segments that hold nothing new are not read, slots with void entries are left out", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 400 });
  const { term, index, crc } = { ...appendSet(log, 0, "a") };
  for (let i = 0; i < 10; i++) {
    appendSet(log, 1, i);
    log.writer.endTurn();
  }
  const slot = appendSet(log, 0, "void");
  log.writer.cutBehind(slot, { term, index, crc });
  appendSet(log, 0, "b");
  log.writer.endTurn();
  const seen = scan(machine, (slot) => (slot.slot === 1 ? 8 : slot.index));
  expect(seen).toContain("1:9");
  expect(seen).not.toContain("1:2");
  expect(seen.every((name) => name.startsWith("1:"))).toBe(true);
  expect(scan(machine, (slot) => slot.index)).toEqual([]);
});

test("segments that go while the log is scanned are passed over, and nothing behind them is", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 700 });
  for (let i = 0; i < 40; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  const again = machine.open({ tailBytes: 0 });
  const [, second, third] = [...again.index.slots()][0]?.ranges ?? [];
  if (!second || !third) throw new Error("the log must have three segments");
  const reading = new LogScan(again.index, again.reader, () => 0);
  const seen: number[] = [];
  const visit = (_slot: SlotLog, entry: { readonly index: number }) => void seen.push(entry.index);
  while (seen.at(-1) !== second.firstIndex) reading.next(1, visit);
  again.dropBefore(third.segment);
  seen.length = 0;
  while (reading.next(1, visit));
  expect(seen).toEqual(Array.from({ length: 41 - third.firstIndex }, (_, i) => third.firstIndex + i));
});
