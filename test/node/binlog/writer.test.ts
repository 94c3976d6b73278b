import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { appendSet, LOG_DIRECTORY, readValues, TABLE, TestLog } from "../../support/test-log.ts";

test("entries of several slots come back in order, also after a restart", () => {
  const machine = new TestLog();
  const log = machine.open();
  for (let i = 0; i < 100; i++) {
    appendSet(log, i % 3, i);
    if (i % 7 === 0) log.writer.endTurn();
  }
  log.writer.endTurn();
  const expected = Array.from({ length: 33 }, (_, i) => String(3 * i + 1));
  expect(readValues(log, 1)).toEqual(expected);
  expect(readValues(log, 1, 30)).toEqual(expected.slice(29));
  const again = machine.open({ tailBytes: 0 });
  expect(readValues(again, 1)).toEqual(expected);
  appendSet(again, 1, "more");
  again.writer.endTurn();
  expect(readValues(machine.open(), 1)).toEqual([...expected, "more"]);
});

test("an EXEC is one entry, a noop has no command", () => {
  const machine = new TestLog();
  const log = machine.open();
  const slot = log.slot(TABLE, 0, 7 as never);
  slot.leadTerm = 4;
  log.writer.appendAll(slot, { nowMs: 5, seed: 6, level: 1 }, [{ argv: Argv.of("A") }, { argv: Argv.of("B", "x") }]);
  log.writer.appendNoop(slot, { nowMs: 7, seed: 0, level: 1 });
  log.writer.endTurn();
  const seen: number[] = [];
  log.reader.read(slot, { from: 1, to: 2 }, ({ buf, start }) => {
    seen.push(buf[start] as number, buf.readUInt32BE(start + 44));
    return true;
  });
  expect(seen).toEqual([1, 2, 4, 0]);
  expect(machine.open().index.find(TABLE, 0)).toMatchObject({ term: 4, index: 2, crc: slot.crc });
});

test("what the turn has not written is not read", () => {
  const log = new TestLog().open();
  appendSet(log, 0, "a");
  log.writer.endTurn();
  const slot = appendSet(log, 0, "b");
  expect(log.writer.writtenIndex(slot)).toBe(1);
  expect(readValues(log, 0)).toEqual(["a"]);
  log.writer.endTurn();
  expect(readValues(log, 0)).toEqual(["a", "b"]);
});

test("a full segment is followed by a new one, and both are read", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 1000, tailBytes: 0 });
  for (let i = 0; i < 100; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  expect(log.index.segments.length).toBeGreaterThan(8);
  expect(readValues(log, 0)?.length).toBe(100);
  expect(readValues(machine.open(), 0)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
});

test("entries far apart are found by their marks", () => {
  const log = new TestLog().open({ tailBytes: 0 });
  const filler = "f".repeat(5000);
  for (let i = 0; i < 200; i++) {
    appendSet(log, 0, i);
    appendSet(log, 1, filler);
    log.writer.endTurn();
  }
  const slot = log.slot(TABLE, 0, 7 as never);
  expect(slot.ranges[0]?.markIndexes.length).toBeGreaterThan(10);
  expect(readValues(log, 0, 150)).toEqual(Array.from({ length: 51 }, (_, i) => String(i + 149)));
});

test("a large entry passes through", () => {
  const machine = new TestLog();
  const log = machine.open();
  const large = "x".repeat(3_000_000);
  appendSet(log, 0, "a");
  appendSet(log, 0, large);
  appendSet(log, 0, "b");
  log.writer.endTurn();
  expect(readValues(log, 0)).toEqual(["a", large, "b"]);
  expect(readValues(machine.open(), 0)).toEqual(["a", large, "b"]);
});

test("a failed turn leaves nothing, and the log goes on", () => {
  const machine = new TestLog();
  const log = machine.open();
  appendSet(log, 0, "a");
  log.writer.endTurn();
  for (const code of ["ENOSPC", "EIO"]) {
    machine.files.failWriteWith = code;
    const slot = appendSet(log, 0, "lost");
    appendSet(log, 1, "y".repeat(600_000));
    const wanted = { code: code === "ENOSPC" ? "BinlogFull" : "BinlogWriteFailed" };
    expect(() => log.writer.endTurn()).toThrow(expect.objectContaining(wanted));
    expect(log.writer.touched.length).toBe(2);
    expect(slot.index).toBe(1);
    log.writer.forgetTurn();
    machine.files.failWriteWith = undefined;
  }
  expect(readValues(log, 0)).toEqual(["a"]);
  expect(readValues(log, 1)).toEqual([]);
  appendSet(log, 0, "b");
  log.writer.endTurn();
  expect(readValues(machine.open(), 0)).toEqual(["a", "b"]);
});

test("while a failed write cannot be cut back nothing more is written", () => {
  const machine = new TestLog();
  const log = machine.open();
  machine.files.failWriteWith = "EIO";
  machine.files.failTruncateWith = "EIO";
  for (let i = 0; i < 3; i++) {
    appendSet(log, 0, "lost");
    expect(() => log.writer.endTurn()).toThrow(expect.objectContaining({ code: "BinlogWriteFailed" }));
    log.writer.forgetTurn();
    machine.files.failWriteWith = undefined;
  }
  machine.files.failTruncateWith = undefined;
  appendSet(log, 0, "kept");
  log.writer.endTurn();
  expect(readValues(machine.open(), 0)).toEqual(["kept"]);
});

test("without room for a new segment the old one goes on", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 300 });
  appendSet(log, 0, "a".repeat(100));
  machine.files.freeBytes = 200;
  log.writer.endTurn();
  expect(log.index.segments.length).toBe(1);
  expect(machine.files.list(LOG_DIRECTORY).length).toBe(1);
  machine.files.freeBytes = 10_000;
  appendSet(log, 0, "b");
  log.writer.endTurn();
  expect(log.index.segments.length).toBe(2);
});

test("entries behind a cut override", () => {
  const machine = new TestLog();
  const log = machine.open();
  appendSet(log, 0, "a");
  const { term, index, crc } = { ...appendSet(log, 0, "b") };
  const slot = appendSet(log, 0, "void");
  log.writer.endTurn();
  log.writer.cutBehind(slot, { term, index, crc });
  slot.leadTerm = 2;
  appendSet(log, 0, "c");
  appendSet(log, 0, "d");
  log.writer.endTurn();
  expect(readValues(log, 0)).toEqual(["a", "b", "c", "d"]);
  expect(readValues(machine.open(), 0)).toEqual(["a", "b", "c", "d"]);
});

test("a cut in a turn that fails is taken back", () => {
  const machine = new TestLog();
  const log = machine.open();
  const { term, index, crc } = { ...appendSet(log, 0, "a") };
  const slot = appendSet(log, 0, "b");
  log.writer.endTurn();
  machine.files.failWriteWith = "EIO";
  log.writer.cutBehind(slot, { term, index, crc });
  appendSet(log, 0, "c");
  expect(() => log.writer.endTurn()).toThrow();
  log.writer.forgetTurn();
  expect(readValues(log, 0)).toEqual(["a", "b"]);
});
