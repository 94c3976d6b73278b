import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import type { FsyncPolicy } from "../../../node/binlog/syncer.ts";
import type { NodeId, ReplicaId } from "../../../node/meta/ids.ts";
import { appendSet, LOG_DIRECTORY, LOG_IDENTITY, REPLICA, readValues, TABLE, TestLog } from "../../support/test-log.ts";

function fileNamed(machine: TestLog, index: number) {
  const name = machine.files.list(LOG_DIRECTORY)[index] as string;
  const path = `${LOG_DIRECTORY}/${name}`;
  const file = machine.files.files.get(path);
  if (!file) throw new Error(`no file ${path}`);
  return { path, file };
}

function writeTurns(machine: TestLog, count: number, options: { fsync: FsyncPolicy; segmentBytes?: number }) {
  const log = machine.open({ segmentBytes: 100_000, ...options });
  const offsets: number[] = [];
  for (let i = 0; i < count; i++) {
    offsets.push(log.index.segments.at(-1)?.sizeBytes as number);
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  return { log, offsets };
}

const COUNTING = Array.from({ length: 100 }, (_, i) => String(i));

test("a torn tail is cut at every length, and the log goes on", () => {
  const sizeBytes = () => {
    const machine = new TestLog();
    const { offsets } = writeTurns(machine, 3, { fsync: "no" });
    return { offsets, size: fileNamed(machine, 0).file.sizeBytes };
  };
  const { offsets, size } = sizeBytes();
  for (let cut = offsets[0] as number; cut < size; cut++) {
    const machine = new TestLog();
    writeTurns(machine, 3, { fsync: "no" });
    fileNamed(machine, 0).file.sizeBytes = cut;
    const log = machine.open();
    const left = offsets.filter((offset) => offset <= cut).length - 1;
    expect(readValues(log, 0)).toEqual(COUNTING.slice(0, left));
    appendSet(log, 0, "more");
    log.writer.endTurn();
    expect(readValues(machine.open(), 0)).toEqual([...COUNTING.slice(0, left), "more"]);
  }
});

test("a flipped bit where the log was durable is refused with file and offset", () => {
  const clean = new TestLog();
  const { offsets } = writeTurns(clean, 5, { fsync: "always" });
  for (let at = offsets[1] as number; at < (offsets[3] as number); at++) {
    const machine = new TestLog();
    writeTurns(machine, 5, { fsync: "always" });
    const { file, path } = fileNamed(machine, 0);
    file.bytes[at] = (file.bytes[at] as number) ^ 16;
    expect(() => machine.open()).toThrow(expect.objectContaining({ code: "BinlogCorrupt" }));
    try {
      machine.open();
    } catch (error) {
      expect((error as Error).message).toContain(path);
    }
  }
});

test("damage that nothing says was durable is a torn tail, also in an older segment", () => {
  const machine = new TestLog();
  writeTurns(machine, 20, { fsync: "no", segmentBytes: 600 });
  const { file } = fileNamed(machine, 1);
  file.bytes[file.sizeBytes - 1] = (file.bytes[file.sizeBytes - 1] as number) ^ 1;
  const log = machine.open();
  const values = readValues(log, 0) as string[];
  expect(values.length).toBeGreaterThan(2);
  expect(values).toEqual(COUNTING.slice(0, values.length));
  appendSet(log, 0, "more");
  log.writer.endTurn();
  expect(readValues(machine.open(), 0)).toEqual([...values, "more"]);
});

test("a missing segment is refused, in the middle and at the beginning", () => {
  for (const index of [1, 0]) {
    const machine = new TestLog();
    writeTurns(machine, 20, { fsync: "no", segmentBytes: 600 });
    const { path } = fileNamed(machine, index);
    machine.files.remove(path);
    expect(() => machine.open()).toThrow(/missing/);
  }
});

test("a log that ends before the database is refused", () => {
  const machine = new TestLog();
  const { log } = writeTurns(machine, 20, { fsync: "always", segmentBytes: 600 });
  const { term, index, crc } = log.slot(TABLE, 0, REPLICA);
  machine.stored.set(0, { replica: REPLICA, term, index, crc });
  machine.files.remove(fileNamed(machine, machine.files.list(LOG_DIRECTORY).length - 1).path);
  machine.files.remove(fileNamed(machine, machine.files.list(LOG_DIRECTORY).length - 1).path);
  expect(() => machine.open()).toThrow(expect.objectContaining({ code: "BinlogBehindDatabase" }));
});

test("a log that is gone as a whole is refused where the database holds entries of it", () => {
  const machine = new TestLog();
  machine.stored.set(1, { replica: REPLICA, term: 0, index: 0, crc: 0 });
  machine.open();
  const { log } = writeTurns(machine, 20, { fsync: "always", segmentBytes: 600 });
  const { term, index, crc } = log.slot(TABLE, 0, REPLICA);
  machine.stored.set(0, { replica: REPLICA, term, index, crc });
  for (const name of machine.files.list(LOG_DIRECTORY)) machine.files.remove(`${LOG_DIRECTORY}/${name}`);
  expect(() => machine.open()).toThrow(expect.objectContaining({ code: "BinlogMissing" }));
});

test("another node's log is refused", () => {
  const machine = new TestLog();
  machine.open();
  const identity = { ...LOG_IDENTITY, node: "b".repeat(32) as NodeId };
  expect(() => machine.open({ identity })).toThrow(expect.objectContaining({ code: "BinlogOfAnother" }));
});

test("a slot without entries in the log stands where the database says", () => {
  const machine = new TestLog();
  machine.open();
  const stored = { replica: REPLICA, term: 3, index: 40, crc: 99 };
  machine.stored.set(1, stored);
  expect(machine.open().index.find(TABLE, 1)).toMatchObject(stored);
});

test("a position makes older entries of no use, unless the database has not switched", () => {
  const machine = new TestLog();
  const log = machine.open();
  appendSet(log, 0, "old");
  const slot = appendSet(log, 0, "older");
  log.writer.appendPosition(slot, 8 as ReplicaId, { term: 2, index: 50, crc: 77 });
  log.writer.endTurn();
  expect(readValues(machine.open(), 0)).toEqual(["old", "older"]);
  machine.stored.set(0, { replica: 8 as ReplicaId, term: 2, index: 50, crc: 77 });
  const switched = machine.open();
  expect(switched.index.find(TABLE, 0)).toMatchObject({ index: 50, crc: 77 });
  appendSet(switched, 0, "new");
  switched.writer.endTurn();
  expect(readValues(machine.open(), 0, 51)).toEqual(["new"]);
});

test("a replica that was never flushed is known by its position, also when older segments are gone", () => {
  const machine = new TestLog();
  machine.stored.clear();
  const log = machine.open({ segmentBytes: 400 });
  const slot = log.slot(TABLE, 5, 9 as ReplicaId);
  log.writer.appendPosition(slot, 9 as ReplicaId, { term: 0, index: 0, crc: 0 });
  log.writer.endTurn();
  machine.unstored = [{ table: TABLE, slot: 5, replica: 9 as ReplicaId, term: 0, index: 0, crc: 0 }];
  for (let i = 0; i < 10; i++) {
    appendSet(log, 6, i);
    log.writer.endTurn();
  }
  log.dropBefore(log.index.segments.at(-1) as never);
  const again = machine.open();
  expect(again.index.find(TABLE, 5)).toMatchObject({ replica: 9, index: 0 });
  expect(again.index.find(TABLE, 6)).toBeUndefined();
  slot.leadTerm = 1;
  appendSet(again, 5, "a");
  again.writer.endTurn();
  const { term, index, crc } = again.index.find(TABLE, 5) as never;
  machine.unstored = [{ table: TABLE, slot: 5, replica: 9 as ReplicaId, term, index, crc }];
  expect(readValues(machine.open(), 5)).toEqual(["a"]);
  expect(readValues(machine.open(), 5)).toEqual(["a"]);
});

test("a dropped replica is gone, and the next one begins anew", () => {
  const machine = new TestLog();
  const { log } = writeTurns(machine, 5, { fsync: "no" });
  const slot = log.slot(TABLE, 0, REPLICA);
  const start = { term: 0, index: 0, crc: 0 };
  log.writer.appendPosition(slot, 0 as ReplicaId, start);
  log.writer.endTurn();
  expect(machine.open().index.find(TABLE, 0)).toBeUndefined();
  machine.stored.delete(0);
  expect(machine.open().index.find(TABLE, 0)).toBeUndefined();
  const last = machine.open();
  const next = last.slot(TABLE, 0, 8 as ReplicaId);
  last.writer.appendPosition(next, 8 as ReplicaId, start);
  appendSet(last, 0, "new");
  last.writer.endTurn();
  expect(machine.open().index.find(TABLE, 0)).toMatchObject({ replica: 8, index: 1 });
  expect(readValues(machine.open(), 0)).toEqual(["new"]);
});

test("entries of a slot that left this node are passed over", () => {
  const machine = new TestLog();
  writeTurns(machine, 5, { fsync: "no" });
  machine.stored.delete(0);
  expect(machine.open().index.find(TABLE, 0)).toBeUndefined();
});

test("promises come back from records and from checkpoints", () => {
  const machine = new TestLog();
  const log = machine.open({ segmentBytes: 300 });
  const state = { table: TABLE, slot: 2, term: 9, vote: 4, commit: 3 };
  log.writer.appendRaftState({ ...state, term: 8 });
  log.writer.appendRaftState(state);
  for (let i = 0; i < 10; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  expect(machine.open().raftStates.find(TABLE, 2)).toEqual(state);
  machine.stored.set(0, { replica: REPLICA, term: 1, index: 10, crc: log.slot(TABLE, 0, REPLICA).crc });
  log.dropBefore(log.index.segments.at(-1) as never);
  expect(machine.open().raftStates.find(TABLE, 2)).toEqual(state);
});

test("after a loss of power the log holds a prefix with all that was durable", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), slot: fc.nat(2), size: fc.nat(400) }),
    fc.constant({ kind: "turn" as const }),
    fc.constant({ kind: "sync" as const }),
    fc.record({ kind: fc.constant("power" as const), seed: fc.nat() }),
  );
  const policy = fc.constantFrom<FsyncPolicy>("always", "everysec", "no");
  await fc.assert(
    fc.asyncProperty(policy, fc.array(step, { maxLength: 60 }), async (fsync, steps) => {
      const machine = new TestLog();
      let log = machine.open({ fsync, segmentBytes: 1500, tailBytes: 0 });
      const written: string[][] = [[], [], []];
      const pending: string[][] = [[], [], []];
      let durable = [0, 0, 0];
      let count = 0;
      const endTurn = () => {
        log.writer.endTurn();
        for (const [slot, values] of pending.entries()) written[slot]?.push(...values.splice(0));
        if (fsync === "always") durable = written.map((values) => values.length);
      };
      for (const at of steps) {
        if (at.kind === "append") {
          const value = String(count++).padEnd(at.size, ".");
          appendSet(log, at.slot, value);
          pending[at.slot]?.push(value);
        } else if (at.kind === "turn") endTurn();
        else if (at.kind === "sync") {
          endTurn();
          await log.syncer.sync();
          durable = written.map((values) => values.length);
        } else {
          machine.files.losePower(at.seed);
          log = machine.open({ fsync, segmentBytes: 1500, tailBytes: 0 });
          for (const slot of [0, 1, 2]) {
            const values = readValues(log, slot) as string[];
            const before = written[slot] as string[];
            expect(values.length).toBeGreaterThanOrEqual(durable[slot] as number);
            // A turn that was being made is gone; one that was written may be there in whole or in part.
            expect(values).toEqual(before.slice(0, values.length));
            written[slot] = values;
            pending[slot] = [];
          }
          durable = written.map((values) => values.length);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("a record that fits no slot's chain is refused though its crc is right", () => {
  const machine = new TestLog();
  const log = machine.open();
  const slot = appendSet(log, 0, "a");
  slot.crc ^= 1;
  log.writer.append(slot, { nowMs: 1, seed: 0, level: 1 }, Argv.of("SET", "key", "b"));
  log.writer.endTurn();
  expect(() => machine.open()).toThrow(/does not follow/);
});
