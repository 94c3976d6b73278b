import { expect, test } from "vitest";
import { DiskRoom } from "../../../node/shard/disk-room.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

test("refuses below the watermark, and takes writes again above it", () => {
  const files = new MemoryFileSystem();
  const clock = new VirtualClock();
  const room = new DiskRoom({ directory: "/", watermarkBytes: 1000 }, { files, clock });
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
      const room = new DiskRoom({ directory: "/", watermarkBytes: undefined }, { files, clock: new VirtualClock() });
      room.start();
      expect(room.hasRoom).toBe(hasRoom);
      room.stop();
    }
  }
});
