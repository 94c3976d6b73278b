import { describe, expect, test } from "vitest";
import { DiskRoom } from "../../../node/shard/disk-room.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

test("refuses below the watermark, and takes writes again above it", () => {
  const files = new MemoryFileSystem();
  const clock = new VirtualClock();
  const room = new DiskRoom({ directory: "/", watermarkBytes: 1000, reserveLimitBytes: 0 }, { files, clock });
  room.start();
  expect(room.refuse()).toBeUndefined();
  files.freeBytes = 999;
  clock.advance(1000);
  expect(room.refuse()).toMatch(/^OOM .* left on the disk/);
  expect(room.hasRoom).toBe(false);
  files.freeBytes = 1000;
  clock.advance(1000);
  expect(room.hasRoom).toBe(true);
  room.noteFull();
  expect(room.refuse()).toMatch(/^OOM the disk is full/);
  clock.advance(1000);
  expect(room.refuse()).toBeUndefined();
  room.stop();
  expect(clock.pendingCount).toBe(0);
});

test("the default watermark is 512 MiB or a twentieth of the disk", () => {
  for (const [sizeBytes, watermarkBytes] of [
    [1e9, 512 * 1024 * 1024],
    [1e12, 5e10],
  ] as const) {
    for (const [availableBytes, hasRoom] of [
      [watermarkBytes, true],
      [watermarkBytes - 1, false],
    ] as const) {
      const files = new MemoryFileSystem();
      files.room = () => ({ availableBytes, sizeBytes });
      const room = new DiskRoom(
        { directory: "/", watermarkBytes: undefined, reserveLimitBytes: 0 },
        { files, clock: new VirtualClock() },
      );
      room.start();
      expect(room.hasRoom).toBe(hasRoom);
      room.stop();
    }
  }
});

describe("with a reserve", () => {
  const MIB = 1024 * 1024;
  const LIMIT = 2 * MIB;

  function started(freeBytes: number) {
    const files = new MemoryFileSystem();
    files.makeDirectory("/data");
    files.freeBytes = freeBytes;
    const clock = new VirtualClock();
    const room = () =>
      new DiskRoom({ directory: "/data", watermarkBytes: MIB, reserveLimitBytes: LIMIT }, { files, clock });
    const first = room();
    first.prepareStart();
    first.start();
    return { files, clock, room: first, again: room };
  }

  function heldBytes(files: MemoryFileSystem): number {
    if (!files.list("/data").includes("reserve")) return 0;
    const file = files.open("/data/reserve", "read");
    const sizeBytes = file.sizeBytes();
    file.close();
    return sizeBytes;
  }

  test("is made in slices, and only of what is above the watermark", () => {
    const { files, clock } = started(3 * MIB);
    expect(heldBytes(files)).toBe(MIB);
    clock.advance(1000);
    expect(heldBytes(files)).toBe(LIMIT);
    clock.advance(5000);
    expect(heldBytes(files)).toBe(LIMIT);
    expect(heldBytes(started(3 * MIB - 1).files)).toBe(0);
  });

  test("given up when the disk is full, it is no room for clients, and is made again once there is some", () => {
    const { files, clock, room } = started(3 * MIB);
    clock.advance(1000);
    files.freeBytes = 0;
    room.noteFull();
    expect(heldBytes(files)).toBe(0);
    files.freeBytes = LIMIT;
    clock.advance(1000);
    expect(room.refuse()).toMatch(/^OOM 2 MiB are left on the disk, less than 1 MiB and 2 MiB for the reserve/);
    expect(heldBytes(files)).toBe(0);
    files.freeBytes = 3 * MIB;
    clock.advance(2000);
    expect(room.refuse()).toBeUndefined();
    expect(heldBytes(files)).toBe(LIMIT);
  });

  test("the database that found the disk full is opened anew below the watermark, with what the reserve gave", () => {
    const { files, clock, room } = started(3 * MIB);
    clock.advance(1000);
    files.freeBytes = 47 * MIB;
    files.room = () => ({ availableBytes: files.freeBytes, sizeBytes: 40 * MIB });
    const strict = new DiskRoom(
      { directory: "/data", watermarkBytes: 100 * MIB, reserveLimitBytes: LIMIT },
      { files, clock },
    );
    room.stop();
    strict.start();
    expect(strict.makeRoom()).toBe(false);
    files.freeBytes = 48 * MIB;
    expect(strict.makeRoom()).toBe(true);
    expect(strict.hasRoom).toBe(false);
    strict.stop();
  });

  test("a start with little room gives it up, one with enough keeps it", () => {
    const { files, clock, room, again } = started(100 * MIB);
    clock.advance(1000);
    room.stop();
    again().prepareStart();
    expect(heldBytes(files)).toBe(LIMIT);
    files.freeBytes = 10 * MIB;
    again().prepareStart();
    expect(heldBytes(files)).toBe(0);
  });

  test("one that does not fit is not there", () => {
    const { files, clock, room } = started(0);
    files.room = () => ({ availableBytes: 100 * MIB, sizeBytes: 1e9 });
    clock.advance(1000);
    expect(heldBytes(files)).toBe(0);
    room.stop();
  });
});
