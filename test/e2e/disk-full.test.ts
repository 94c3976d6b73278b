/**
 * A real file system that fills up: writes are refused with a clear error, reads and deletes go on, the process stays
 * up, and all is well again by itself once there is room; nothing that was acknowledged is lost.
 */

import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { ListWriter } from "../support/list-writers.ts";
import { LocalClusterProcess } from "../support/local-cluster.ts";
import { NodeProcess } from "../support/node-process.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { compareReplicas } from "../support/stored-digests.ts";
import { waitFor } from "../support/wait-for.ts";

const MIB = 1024 * 1024;
const SIZE_MIB = 64;

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 60_000);

function connected(port: number): Redis {
  const redis = new Redis({ host: "127.0.0.1", port });
  redis.on("error", () => undefined);
  cleanups.push(() => redis.disconnect());
  return redis;
}

/** Refusals of writes so far, checked to be nothing but `allowed`. */
function refusalsOf(writer: ListWriter, allowed: RegExp): number {
  let count = 0;
  for (const [text, times] of writer.refusals) {
    expect(text).toMatch(allowed);
    count += times;
  }
  return count;
}

describe.skipIf(!canMount())("a full disk", () => {
  /** A node over the disk at `path`; ended before that is removed. */
  function nodeOn(path: string, diskWatermarkBytes: number): NodeProcess {
    const node = new NodeProcess({
      dataDir: join(path, "data"),
      diskWatermarkBytes,
      segmentBytes: MIB,
      cacheBytes: 4 * MIB,
      standaloneSlots: 4,
    });
    cleanups.push(() => node.end("SIGKILL"));
    return node;
  }

  async function startAlone(diskWatermarkBytes: number): Promise<{ disk: SmallDisk; node: NodeProcess }> {
    const path = mkdtempSync(join(tmpdir(), "disk-full-"));
    const disk = new SmallDisk(path, SIZE_MIB);
    cleanups.push(() => {
      disk.remove();
      rmSync(path, { recursive: true });
    });
    const node = nodeOn(path, diskWatermarkBytes);
    await node.start();
    return { disk, node };
  }

  test("below the watermark writes are refused, reads and deletes are not", async () => {
    const { disk, node } = await startAlone(16 * MIB);
    const redis = connected(node.port);
    await redis.mset("kept", "a", "deleted", "b");
    const writer = new ListWriter({ name: "w", port: node.port, padding: "x".repeat(500), pauseMs: 1 });
    cleanups.push(() => writer.close());
    writer.start();
    await writer.advanced(200);
    disk.fillTo(8 * MIB);
    const refusal = await waitFor(() =>
      redis.set("more", "c").then(
        () => undefined,
        (error: Error) => error.message,
      ),
    );
    expect(refusal).toMatch(
      /^OOM \d+ MiB are left on the disk, less than 16 MiB( and \d+ MiB for the reserve)?: writes are refused until there is room/,
    );
    expect(await redis.get("kept")).toBe("a");
    expect(await redis.del("deleted")).toBe(1);
    expect(await redis.exists("deleted")).toBe(0);
    disk.makeRoom();
    await writer.advanced(100);
    expect(await redis.set("more", "c")).toBe("OK");
    await writer.stop();
    refusalsOf(writer, /^OOM /);
    expect(await writer.faults(node.port)).toEqual([]);
  }, 60_000);

  test("filled to the last byte by its own writes", async () => {
    const { disk, node } = await startAlone(1);
    const redis = connected(node.port);
    await redis.set("kept", "a");
    disk.fillTo(12 * MIB);
    const writer = new ListWriter({ name: "w", port: node.port, padding: "x".repeat(10_000), pauseMs: 1 });
    cleanups.push(() => writer.close());
    writer.start();
    const full = /^(OOM|MISCONF) .*(disk|no space)/i;
    const isFull = () => {
      if (writer.acknowledgedCount > 500 && writer.refusals.size === 0) disk.fillTo(MIB / 4);
      return refusalsOf(writer, full) > 50;
    };
    await waitFor(isFull, { timeoutMs: 40_000, what: "refused writes" });
    expect(await redis.get("kept")).toBe("a");
    expect(await redis.ping()).toBe("PONG");
    disk.makeRoom();
    await writer.advanced(100);
    await writer.stop();
    expect(await writer.faults(node.port)).toEqual([]);
    // What is on the disk now is whole, too.
    await node.end("SIGKILL");
    await node.start();
    expect(await writer.faults(node.port)).toEqual([]);
    refusalsOf(writer, full);
  }, 90_000);

  test("to the last byte: a node that was killed starts on its reserve, and makes it again", async () => {
    const { disk, node } = await startAlone(1);
    const reserve = join(disk.path, "data", "reserve");
    const reserveBytes = (SIZE_MIB / 16) * MIB;
    const isReserved = () => statSync(reserve, { throwIfNoEntry: false })?.blocks === reserveBytes / 512;
    await waitFor(isReserved, { timeoutMs: 20_000, what: "the reserve" });
    const writer = new ListWriter({ name: "w", port: node.port, padding: "x".repeat(10_000), pauseMs: 1 });
    cleanups.push(() => writer.close());
    writer.start();
    await writer.advanced(300);
    const full = /^(OOM|MISCONF) .*(disk|no space)/i;
    const isGivenUp = () => {
      // What the log gives back behind a flush is taken too, until a write finds nothing left.
      if (refusalsOf(writer, full) === 0) disk.fillTo(MIB / 4);
      return refusalsOf(writer, full) > 20 && !existsSync(reserve);
    };
    await waitFor(isGivenUp, { timeoutMs: 40_000, what: "refused writes and no reserve" });
    expect(disk.availableBytes).toBeGreaterThan(0);
    await writer.stop();
    expect(await writer.faults(node.port)).toEqual([]);
    disk.makeRoom();
    await waitFor(isReserved, { timeoutMs: 20_000, what: "the reserve again" });
    await node.end("SIGKILL");
    // Now nothing but the reserve is left: not even the directory's lock could be written.
    disk.fillTo(0);
    expect(disk.availableBytes).toBe(0);
    const strict = nodeOn(disk.path, 16 * MIB);
    await strict.start();
    expect(existsSync(reserve)).toBe(false);
    expect(await writer.faults(strict.port)).toEqual([]);
    const oom = /^OOM .* for the reserve: writes are refused/;
    await expect(connected(strict.port).set("more", "c")).rejects.toThrow(oom);
    // And once more without one.
    await strict.end("SIGKILL");
    await strict.start();
    const last = connected(strict.port);
    await expect(last.set("more", "c")).rejects.toThrow(oom);
    disk.makeRoom();
    await waitFor(() =>
      last.set("more", "c").then(
        () => true,
        () => false,
      ),
    );
    await waitFor(isReserved, { timeoutMs: 20_000, what: "the reserve at last" });
    expect(await writer.faults(strict.port)).toEqual([]);
  }, 120_000);

  test("of one node of a cluster, that leads some slots and follows in others", async () => {
    const cluster = await LocalClusterProcess.create("full", 2);
    const disk = new SmallDisk(cluster.dataOf("node-1"), SIZE_MIB);
    const writers: ListWriter[] = [];
    cleanups.push(async () => {
      for (const writer of writers) writer.close();
      await cluster.down();
      disk.remove();
      await cluster.remove();
    });
    const file = cluster.write(
      "cluster.yaml",
      `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: full}
spec:
  nodes: {replicas: 2, config: {segmentBytes: ${MIB}, followerLogBytes: ${4 * MIB}, cacheBytes: ${4 * MIB}, diskWatermarkBytes: 1}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: full}, slots: 4, replicas: 2}
`,
    );
    expect(await cluster.up(file)).toMatchObject({ code: 0, stderr: "" });
    const pid = cluster.pidOf("node-1");
    const onRoomy = await cluster.keysLedBy(0, 4);
    const onFull = await cluster.keysLedBy(1, 4);
    const padding = "x".repeat(5000);
    for (const [name, node, tags] of [
      ["a", 0, onRoomy],
      ["b", 1, onRoomy],
      ["c", 0, onFull],
    ] as const) {
      writers.push(new ListWriter({ name, port: cluster.clientPort(node), tags, padding, pauseMs: 1 }));
    }
    const [a, b, c] = writers as [ListWriter, ListWriter, ListWriter];
    for (const writer of writers) writer.start();
    await c.advanced(100);
    disk.fillTo(2 * MIB);
    const full = /^(OOM|MISCONF) .*(disk|no space)/i;
    await waitFor(() => refusalsOf(c, full) > 50, { timeoutMs: 30_000, what: "refused writes" });
    // Its leaders' writes go on, whichever node is asked.
    await a.advanced(1000);
    await b.advanced(200);
    expect(refusalsOf(a, /never/) + refusalsOf(b, /never/)).toBe(0);
    disk.makeRoom();
    await c.advanced(100);
    for (const writer of writers) await writer.stop();
    await cluster.ready();
    expect(cluster.pidOf("node-1")).toBe(pid);
    for (const writer of writers) expect(await writer.faults(cluster.clientPort(1))).toEqual([]);
    await cluster.down();
    const { slotCount, differing } = await compareReplicas([0, 1].map((node) => cluster.dataOf(`node-${node}`)));
    expect(differing).toEqual([]);
    expect(slotCount).toBe(4);
  }, 90_000);
});
