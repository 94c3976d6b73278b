import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DiskUse } from "../../node/disk-use.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { waitFor } from "../support/wait-for.ts";

test("sums up the files of a directory and those below it, again after a while", async () => {
  const directory = mkdtempSync(join(tmpdir(), "pika-disk-use-"));
  const clock = new VirtualClock();
  const use = new DiskUse(directory, clock);
  writeFileSync(join(directory, "a"), "x".repeat(10));
  mkdirSync(join(directory, "below"));
  writeFileSync(join(directory, "below", "b"), "x".repeat(5));
  await use.start();
  await waitFor(() => use.sizeBytes === 15 && clock.pendingCount === 1);
  writeFileSync(join(directory, "c"), "x".repeat(7));
  clock.advance(60_000);
  await waitFor(() => use.sizeBytes === 22);
  await use.stop();
  expect(clock.pendingCount).toBe(0);
  rmSync(directory, { recursive: true });
});
