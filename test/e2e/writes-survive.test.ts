/**
 * Nodes of a cluster are killed with SIGKILL at random, again and again, while clients write through all of them
 * (fsync everysec: the death of a process loses nothing that was acknowledged). Every append that was acknowledged is
 * there at the end, once and in its place; one that was refused is not; replicas agree.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { Prng } from "../../node/base/prng.ts";
import { ListWriter } from "../support/list-writers.ts";
import { LocalClusterProcess } from "../support/local-cluster.ts";
import { compareReplicas } from "../support/stored-digests.ts";

const NODES = [0, 1, 2];
const KILLS = 6;
const SEED = 20_260_102;

let cluster: LocalClusterProcess;
const writers: ListWriter[] = [];

beforeAll(async () => {
  cluster = await LocalClusterProcess.create("survive", NODES.length);
  const file = cluster.write(
    "cluster.yaml",
    `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: survive}
spec: {nodes: {replicas: ${NODES.length}, config: {cacheBytes: 8Mi}}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: survive}, slots: 16, replicas: 2}
`,
  );
  expect(await cluster.up(file)).toMatchObject({ code: 0, stderr: "" });
  for (const node of NODES) {
    // Two at each node: one of many small appends, one whose lists become trees and fill the cache.
    writers.push(new ListWriter({ name: `small${node}`, port: cluster.clientPort(node) }));
    writers.push(new ListWriter({ name: `large${node}`, port: cluster.clientPort(node), padding: "x".repeat(2000) }));
  }
}, 120_000);

afterAll(async () => {
  for (const writer of writers) writer.close();
  await cluster.remove();
}, 60_000);

test(`acknowledged writes survive kills at random (seed ${SEED})`, async ({ annotate }) => {
  const random = new Prng(SEED);
  for (const writer of writers) writer.start();
  for (let kill = 0; kill < KILLS; kill++) {
    await (writers[random.nextBelow(writers.length)] as ListWriter).advanced(100 + random.nextBelow(400));
    const node = random.nextBelow(NODES.length);
    await cluster.kill(`node-${node}`);
    // Sometimes the next one dies before this one is back.
    if (random.nextBelow(3) > 0) await cluster.ready();
  }
  await cluster.ready();
  for (const writer of writers) await writer.advanced(50);
  for (const writer of writers) await writer.stop();
  await cluster.ready();
  const acknowledged = writers.reduce((sum, { acknowledgedCount }) => sum + acknowledgedCount, 0);
  const unknown = writers.reduce((sum, { unknownCount }) => sum + unknownCount, 0);
  const longestMs = Math.max(...writers.map(({ longestPauseMs }) => longestPauseMs));
  const refusals = writers.flatMap((writer) => [...writer.refusals]);
  await annotate(`${acknowledged} acknowledged, ${unknown} unknown, longest pause ${Math.round(longestMs)} ms`);
  await annotate(`refusals ${JSON.stringify(refusals)}`);
  for (const writer of writers) {
    for (const node of NODES) expect(await writer.faults(cluster.clientPort(node))).toEqual([]);
  }
  await cluster.down();
  const { slotCount, differing } = await compareReplicas(NODES.map((node) => cluster.dataOf(`node-${node}`)));
  expect(differing).toEqual([]);
  expect(slotCount).toBe(16);
}, 120_000);

test("all nodes killed at once: what was acknowledged is there", async () => {
  expect(await cluster.up(`${cluster.dataDir}/cluster.yaml`)).toMatchObject({ code: 0, stderr: "" });
  for (const writer of writers) writer.start();
  for (const writer of writers) await writer.advanced(100);
  for (const node of NODES) process.kill(cluster.pidOf(`node-${node}`) as number, "SIGKILL");
  await cluster.ready();
  for (const writer of writers) await writer.advanced(20);
  for (const writer of writers) await writer.stop();
  for (const writer of writers) expect(await writer.faults(cluster.clientPort(0))).toEqual([]);
}, 90_000);
