/**
 * A follower is killed while its leaders are written to, and comes back: it catches up by the log where the leaders
 * still have it, and by a snapshot where they have not; afterwards all replicas hold the same.
 */

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { ListWriter } from "../support/list-writers.ts";
import { LocalClusterProcess } from "../support/local-cluster.ts";
import { compareReplicas } from "../support/stored-digests.ts";
import { waitFor } from "../support/wait-for.ts";

const NODES = [0, 1];
const MIB = 1024 * 1024;

let cluster: LocalClusterProcess;
let writers: ListWriter[] = [];
afterEach(async () => {
  for (const writer of writers) writer.close();
  writers = [];
  await cluster.remove();
}, 60_000);

async function start(config: string): Promise<void> {
  cluster = await LocalClusterProcess.create("catch", NODES.length);
  const file = cluster.write(
    "cluster.yaml",
    `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: catch}
spec: {nodes: {replicas: ${NODES.length}, config: ${config}}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: catch}, slots: 8, replicas: 2}
`,
  );
  expect(await cluster.up(file)).toMatchObject({ code: 0, stderr: "" });
  const redis = new Redis({ host: "127.0.0.1", port: cluster.clientPort(0) });
  // Something of every type, so that a snapshot carries it.
  await redis.hset("a hash", Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`f${i}`, `${i}`])));
  await redis.zadd("a zset", ...Array.from({ length: 2000 }, (_, i) => [i, `m${i}`]).flat());
  await redis.sadd("a set", ...Array.from({ length: 2000 }, (_, i) => `${i}`));
  await redis.set("a long string", "x".repeat(100_000));
  await redis.set("with expiry", "later", "EX", 3600);
  redis.disconnect();
}

/** Files of node 0's log. */
function segments(): string[] {
  return readdirSync(join(cluster.dataOf("node-0"), "binlog"));
}

/**
 * Kills node 1 as often as it is started, until so many appends to slots of node 0 were acknowledged and, where the log
 * is to be gone, nothing is left of what node 0's log was when the killing began.
 */
async function keepDead(writer: ListWriter, { appends, isLogGone }: Outage): Promise<void> {
  const wanted = writer.acknowledgedCount + appends;
  const before = new Set(isLogGone ? segments() : []);
  await waitFor(
    () => {
      const pid = cluster.pidOf("node-1");
      if (pid !== undefined) killNow(pid);
      return writer.acknowledgedCount >= wanted && !segments().some((segment) => before.has(segment));
    },
    { timeoutMs: 60_000, what: "appends without the follower" },
  );
}

function killNow(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already and the supervisor has not noticed.
  }
}

interface Outage {
  /** Bytes of each value. */
  readonly padding: string;
  readonly appends: number;
  readonly isLogGone: boolean;
}

async function killUnderLoad(outage: Outage): Promise<void> {
  const { padding } = outage;
  const tags = await cluster.keysLedBy(0, 6);
  const onKept = new ListWriter({ name: "w0", port: cluster.clientPort(0), tags, padding });
  const onAll = new ListWriter({ name: "w1", port: cluster.clientPort(1), padding });
  writers = [onKept, onAll];
  for (const writer of writers) writer.start();
  await onKept.advanced(50);
  await onAll.advanced(50);
  await keepDead(onKept, outage);
  // A log of one segment is shorter than a copy takes: under load the follower would be copied again and again.
  if (!outage.isLogGone) {
    await onKept.advanced(50);
    await onAll.advanced(50);
    await cluster.ready();
  }
  for (const writer of writers) await writer.stop();
  await cluster.ready();
  for (const writer of writers) {
    for (const node of NODES) expect(await writer.faults(cluster.clientPort(node))).toEqual([]);
  }
}

async function expectEqualReplicas(): Promise<void> {
  await cluster.down();
  const { slotCount, differing } = await compareReplicas(NODES.map((node) => cluster.dataOf(`node-${node}`)));
  expect(differing).toEqual([]);
  expect(slotCount).toBe(8);
}

test("by the log", async () => {
  await start("{}");
  await killUnderLoad({ padding: "", appends: 500, isLogGone: false });
  for (const node of NODES) expect(cluster.log(`node-${node}`)).not.toContain("taking a snapshot");
  await expectEqualReplicas();
}, 90_000);

test("by snapshots, once the log is gone", async () => {
  await start(`{segmentBytes: ${MIB}, followerLogBytes: ${MIB}}`);
  await killUnderLoad({ padding: "x".repeat(20_000), appends: 500, isLogGone: true });
  expect(cluster.log("node-1")).toContain('"cause":"logGone"');
  await expectEqualReplicas();
}, 90_000);
