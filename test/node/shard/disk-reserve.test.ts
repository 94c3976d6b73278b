import { expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import { DiskReserve, openWithReserve } from "../../../node/shard/disk-reserve.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";

const MIB = 1024 * 1024;

function directory(): MemoryFileSystem {
  const files = new MemoryFileSystem();
  files.makeDirectory("/data");
  return files;
}

test("is found again by the next process and goes on from there", () => {
  const files = directory();
  const first = new DiskReserve(files, "/data");
  first.grow(3 * MIB);
  const second = new DiskReserve(files, "/data");
  expect(second.heldBytes).toBe(MIB);
  second.grow(MIB + 10);
  expect(new DiskReserve(files, "/data").heldBytes).toBe(MIB + 10);
  expect([second.release(), second.release()]).toEqual([true, false]);
  expect(files.list("/data")).toEqual([]);
});

test("a slice that finds the disk full, or the file gone, leaves none behind", () => {
  const files = directory();
  const reserve = new DiskReserve(files, "/data");
  reserve.grow(3 * MIB);
  files.freeBytes = MIB / 2;
  reserve.grow(3 * MIB);
  expect([reserve.heldBytes, files.list("/data")]).toEqual([0, []]);
  files.freeBytes = 9 * MIB;
  reserve.grow(3 * MIB);
  files.remove("/data/reserve");
  reserve.grow(3 * MIB);
  expect(reserve.heldBytes).toBe(0);
  reserve.grow(3 * MIB);
  expect(reserve.heldBytes).toBe(MIB);
});

test("what cannot be opened on a full disk is tried again without the reserve, once", () => {
  const files = directory();
  new DiskReserve(files, "/data").grow(MIB);
  const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
  const wrapped = new OperatingError("NotWritable", "cannot be written", { cause: full });
  const failing = (error: Error) => () => {
    if (files.list("/data").length > 0) throw error;
    return "open";
  };
  expect(() => openWithReserve(files, "/data", failing(new Error("another")))).toThrow("another");
  expect(openWithReserve(files, "/data", failing(wrapped))).toBe("open");
  expect(() =>
    openWithReserve(files, "/data", () => {
      throw full;
    }),
  ).toThrow("no space");
});
