/**
 * A node that is killed with SIGKILL at random moments, many times, while several connections write: nothing that was
 * acknowledged is lost, nothing is there twice or in part, under fsync `always` and `everysec`.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { delay, SystemClock } from "../../node/base/clock.ts";
import { Prng } from "../../node/base/prng.ts";
import { ModelWriter } from "../support/model-writer.ts";
import { NodeProcess } from "../support/node-process.ts";

const CONNECTIONS = 4;
const KILLS = 6;
/** A life is long enough for some flushes of the database at times, and short enough for many kills. */
const LONGEST_LIFE_MS = 1200;
const SEED = 20_260_101;

const root = mkdtempSync(join(tmpdir(), "kill-nine-"));
const clock = new SystemClock();
const processes: NodeProcess[] = [];
afterAll(async () => {
  for (const process of processes) await process.end("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

for (const fsync of ["always", "everysec"] as const) {
  test(`fsync ${fsync}: what was acknowledged outlives every kill`, { timeout: 120_000 }, async () => {
    const random = new Prng(SEED);
    const node = new NodeProcess({
      dataDir: join(root, fsync),
      fsync,
      standaloneSlots: 8,
      cacheBytes: 4 * 1024 * 1024,
    });
    processes.push(node);
    const writers = Array.from({ length: CONNECTIONS }, (_, i) => new ModelWriter(`c${i}`, SEED + i));
    await node.start();
    for (let kill = 0; kill < KILLS; kill++) {
      const before = writers.reduce((sum, writer) => sum + writer.acknowledgedCount, 0);
      for (const writer of writers) await writer.write(node.port);
      await delay(clock, random.nextBelow(LONGEST_LIFE_MS));
      await node.end("SIGKILL");
      for (const writer of writers) writer.end();
      await node.start();
      for (const writer of writers) await writer.check(node.port);
      expect(writers.reduce((sum, writer) => sum + writer.acknowledgedCount, 0)).toBeGreaterThanOrEqual(before);
    }
    await node.end("SIGTERM");
    await node.start();
    for (const writer of writers) await writer.check(node.port);
    expect(writers.reduce((sum, writer) => sum + writer.acknowledgedCount, 0)).toBeGreaterThan(1000);
    await node.end("SIGKILL");
  });
}
