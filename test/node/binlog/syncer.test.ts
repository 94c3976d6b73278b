import { expect, test } from "vitest";
import { appendSet, TestLog } from "../../support/test-log.ts";

test("always: a turn is durable when it ends", () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "always" });
  appendSet(log, 0, "a");
  log.writer.endTurn();
  expect(log.syncer.durable).toEqual(log.syncer.written);
});

test("everysec: one sync a second, off the turn", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "everysec" });
  await machine.clock.advanceAsync(1000);
  const before = machine.files.syncCount;
  for (let i = 0; i < 100; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
    await machine.clock.advanceAsync(30);
  }
  expect(machine.files.syncCount - before).toBe(3);
  appendSet(log, 0, "last");
  log.writer.endTurn();
  expect(log.syncer.durable).not.toEqual(log.syncer.written);
  await machine.clock.advanceAsync(1000);
  expect(log.syncer.durable).toEqual(log.syncer.written);
  await machine.clock.advanceAsync(5000);
  expect(machine.files.syncCount - before).toBe(4);
});

test("everysec: a turn waits for the disk when a sync is late by two seconds", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "everysec" });
  machine.files.holdsSyncs = true;
  appendSet(log, 0, "a");
  log.writer.endTurn();
  await machine.clock.advanceAsync(1900);
  appendSet(log, 0, "b");
  log.writer.endTurn();
  expect(log.syncer.lateSyncCount).toBe(0);
  await machine.clock.advanceAsync(1500);
  appendSet(log, 0, "c");
  log.writer.endTurn();
  expect(log.syncer.lateSyncCount).toBe(1);
  expect(log.syncer.durable).toEqual(log.syncer.written);
  machine.files.releaseSyncs();
  await log.stop();
  expect(machine.fatals).toEqual([]);
});

test("no: synced only when asked", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "no" });
  appendSet(log, 0, "a");
  log.writer.endTurn();
  await machine.clock.advanceAsync(10_000);
  expect(log.syncer.durable).not.toEqual(log.syncer.written);
  let moved = 0;
  log.syncer.onDurable(() => moved++);
  await Promise.all([log.syncer.sync(), log.syncer.sync()]);
  expect(log.syncer.durable).toEqual(log.syncer.written);
  expect(moved).toBe(1);
});

test("what was written during a sync is covered by the next one only", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "no" });
  await log.syncer.sync();
  appendSet(log, 0, "a");
  log.writer.endTurn();
  const first = log.syncer.written;
  machine.files.holdsSyncs = true;
  const syncing = log.syncer.sync();
  appendSet(log, 0, "b");
  log.writer.endTurn();
  machine.files.releaseSyncs();
  await syncing;
  expect(log.syncer.durable).toEqual(first);
});

test("segments are synced in order, and the durable place passes over both", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "no", segmentBytes: 300 });
  for (let i = 0; i < 10; i++) {
    appendSet(log, 0, i);
    log.writer.endTurn();
  }
  await log.syncer.sync();
  expect(log.syncer.durable.segment).toBe(log.index.segments.at(-1)?.firstSequence);
  machine.files.losePower(1);
  expect(machine.open().recovered.entryCount).toBe(10);
});

test("a failed sync is fatal, on either thread", async () => {
  for (const fsync of ["always", "no"] as const) {
    const machine = new TestLog();
    const log = machine.open({ fsync });
    machine.files.failSyncWith = "EIO";
    appendSet(log, 0, "a");
    if (fsync === "always") expect(() => log.writer.endTurn()).toThrow("fsync failed");
    else log.writer.endTurn();
    await expect(log.syncer.sync()).rejects.toMatchObject({ code: "BinlogSyncFailed" });
    expect(machine.fatals).toMatchObject([{ code: "BinlogSyncFailed" }]);
    appendSet(log, 0, "b");
    expect(() => log.writer.endTurn()).toThrow("fsync failed");
    await log.stop();
  }
});

test("stopping syncs, closes, and can be done twice", async () => {
  const machine = new TestLog();
  const log = machine.open({ fsync: "everysec" });
  appendSet(log, 0, "a");
  log.writer.endTurn();
  await log.stop();
  await log.stop();
  expect(machine.clock.pendingCount).toBe(0);
  machine.files.losePower(3);
  expect(machine.open().recovered.entryCount).toBe(1);
});
