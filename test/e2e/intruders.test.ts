/**
 * Who does not belong to a cluster, or comes with what is not its own, is turned away with a clear error, and neither
 * the cluster nor what it was turned away with suffers.
 */

import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SystemClock } from "../../node/base/clock.ts";
import { silentLogger } from "../../node/base/log.ts";
import { Prng } from "../../node/base/prng.ts";
import type { ClusterId, NodeId } from "../../node/meta/ids.ts";
import { PeerPool } from "../../node/router/peer-pool.ts";
import { createPeerSecret } from "../../node/router/peer-secret.ts";
import { FrameWriter } from "../../node/wire/frame.ts";
import { HANDSHAKE_MAGIC } from "../../node/wire/handshake-messages.ts";
import { HANDSHAKE_MESSAGES } from "../../node/wire/messages.ts";
import { connectManagers } from "../../operator/manager-process.ts";
import { ListWriter } from "../support/list-writers.ts";
import { LocalClusterProcess } from "../support/local-cluster.ts";
import { IGNORED_BY_DIALER, topologyOf } from "../support/peer-node.ts";
import { PikaProcess } from "../support/pika-process.ts";
import { nodeIdOf, topologyNode } from "../support/topology-arbitrary.ts";
import { waitFor } from "../support/wait-for.ts";

const STRANGER = nodeIdOf(77);
const OTHER_CLUSTER = "d".repeat(32) as ClusterId;

let cluster: LocalClusterProcess;
let writers: ListWriter[] = [];
const processes: PikaProcess[] = [];

beforeAll(async () => {
  // The ports of the third are for the intruders.
  cluster = await LocalClusterProcess.create("home", 3);
  const file = cluster.write(
    "cluster.yaml",
    `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: home}
spec: {nodes: {replicas: 2}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: home}, slots: 8, replicas: 2}
`,
  );
  expect(await cluster.up(file)).toMatchObject({ code: 0, stderr: "" });
  writers = [0, 1].map((node) => new ListWriter({ name: `w${node}`, port: cluster.clientPort(node), pauseMs: 2 }));
  for (const writer of writers) writer.start();
}, 120_000);

afterAll(async () => {
  for (const process of processes) process.signal("SIGKILL");
  for (const writer of writers) writer.close();
  await cluster.remove();
}, 60_000);

const identityOf = (directory: string) =>
  JSON.parse(readFileSync(join(directory, "identity.json"), "utf8")) as { clusterId: ClusterId; nodeId: NodeId };
const home = () => identityOf(cluster.dataOf("node-0"));
const peerPort = (node: number) => cluster.clientPort(node) + 1;

/** Nothing that clients can notice has happened, nor does. */
async function expectUnaffected(): Promise<void> {
  for (const writer of writers) {
    await writer.advanced(30);
    expect({ refused: [...writer.refusals], unknown: writer.unknownCount }).toEqual({ refused: [], unknown: 0 });
  }
  expect((await cluster.ready()).nodes).toMatchObject({ registered: 2, ready: 2 });
}

/** Why node 0 refuses a link of one who dials it as the others do. */
async function whyRefused(who: { cluster: ClusterId; node: NodeId; secret: string }): Promise<string> {
  const { cluster: clusterId, node, secret } = who;
  const ignore = (): void => {};
  const pool = new PeerPool(
    { identity: { cluster: clusterId, node } },
    {
      clock: new SystemClock(),
      logger: silentLogger,
      secret: createPeerSecret(secret),
      random: () => 0.5,
      atTurnEnd: setImmediate,
      handlers: { ...IGNORED_BY_DIALER, forwardReply: ignore, forwardRunReply: ignore, watchReply: ignore },
      listeners: [],
    },
  );
  const node0 = topologyNode(0, { id: home().nodeId, peerPort: peerPort(0) });
  pool.apply({ ...topologyOf([]), nodes: new Map([[node0.id, node0]]) });
  await pool.start();
  try {
    return await waitFor(() => pool.status()[0]?.lastFailure, { what: "a refusal" });
  } finally {
    await pool.stop();
  }
}

/** Sends bytes to a port of node 0; what it answers until it hangs up. */
async function send(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = connect(port, "127.0.0.1");
  const got: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk: Buffer) => got.push(chunk));
  socket.on("error", () => undefined);
  socket.on("close", () => resolve());
  socket.write(bytes);
  await promise;
  return Buffer.concat(got);
}

interface NodeFlags {
  readonly data: string;
  readonly secret?: string;
  readonly name?: string;
  readonly ports?: readonly [number, number, number];
}

/** `pika node` beside the cluster. */
function startNode({ data, secret, name, ports }: NodeFlags): PikaProcess {
  const [port, peer, http] = ports ?? [cluster.clientPort(2), peerPort(2), cluster.httpPort(2)];
  const process = new PikaProcess(
    [
      ["node", "--host", "127.0.0.1", "--announce-host", "127.0.0.1"],
      ["--port", `${port}`, "--peer-port", `${peer}`, "--http-port", `${http}`],
      ["--name", name ?? "intruder", "--data-dir", data, "--secret-file", secret ?? cluster.secretFile],
      ["--managers", `http://127.0.0.1:${cluster.portBase}`],
    ].flat(),
  );
  processes.push(process);
  return process;
}

function fresh(name: string): string {
  const path = join(cluster.dataDir, name);
  mkdirSync(path, { recursive: true });
  return path;
}

describe("on the peer port", () => {
  const secretOf = () => readFileSync(cluster.secretFile, "utf8").trim();

  test("the wrong secret, another cluster", async () => {
    const { clusterId } = home();
    expect(await whyRefused({ cluster: clusterId, node: STRANGER, secret: "guessed" })).toContain(
      "does not know this cluster's secret",
    );
    expect(await whyRefused({ cluster: OTHER_CLUSTER, node: STRANGER, secret: secretOf() })).toContain(
      `this node is of cluster ${clusterId}`,
    );
    await expectUnaffected();
  });

  test("another version of the protocol", async () => {
    const { clusterId, nodeId } = home();
    const range = { oldestVersion: 200, newestVersion: 201 };
    const who = { cluster: clusterId, node: STRANGER, meant: nodeId, nonce: randomBytes(32), capabilities: 0 };
    const frame = new FrameWriter();
    frame.beginFrame(HANDSHAKE_MESSAGES.hello.type, 0);
    HANDSHAKE_MESSAGES.hello.codec.write(frame, { magic: HANDSHAKE_MAGIC, ...range, ...who });
    frame.endFrame();
    const bytes = Buffer.from(frame.buf.subarray(0, frame.length));
    expect((await send(peerPort(0), bytes)).toString("latin1")).toMatch(/protocol/i);
    await expectUnaffected();
  });

  test("garbage of many kinds, and many who say nothing", async () => {
    const random = new Prng(4711);
    const garbage = Array.from({ length: 40 }, (_, i) =>
      Buffer.from(Array.from({ length: 64 + 50 * i }, () => random.nextBelow(256))),
    );
    garbage.push(Buffer.alloc(4096, 0xff), Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n".padEnd(200)));
    garbage.push(Buffer.from("*1\r\n$4\r\nPING\r\n".repeat(50)));
    const silent = Array.from({ length: 200 }, () => connect(peerPort(0), "127.0.0.1"));
    for (const socket of silent) socket.on("error", () => undefined);
    await Promise.all(garbage.map((bytes) => send(peerPort(0), bytes)));
    await expectUnaffected();
    for (const socket of silent) socket.destroy();
  }, 40_000);
});

test("garbage on the client port gets a protocol error and a closed connection", async () => {
  expect((await send(cluster.clientPort(0), Buffer.from("*1\r\n$-5\r\n"))).toString()).toMatch(/^-ERR Protocol error/);
  expect((await send(cluster.clientPort(0), Buffer.from("*99999999\r\n"))).toString()).toMatch(/^-ERR Protocol error/);
  await expectUnaffected();
});

test("the managers answer nobody without the secret", async () => {
  const wrong = cluster.write("wrong-secret", `${"ab".repeat(32)}\n`);
  const urls = cluster.record.managers;
  const client = connectManagers({ urls, secretFile: wrong }, new SystemClock());
  await expect(client.status()).rejects.toThrow(/secret/);
  client.close();
  expect((await fetch(`${urls[0]}/v1/status`)).status).toBe(401);
  const node = startNode({ data: fresh("wrong-secret-data"), secret: wrong });
  await node.says("did not prove the cluster's secret");
  await node.stop();
  await expectUnaffected();
}, 40_000);

describe("with a data directory", () => {
  test("that another process uses", async () => {
    const node = startNode({ data: cluster.dataOf("node-0") });
    expect(await node.ended()).toBe(1);
    expect(node.output).toMatch(/data directory .* is in use by process \d+; stop it, or name another directory/);
    await expectUnaffected();
  });

  test("of another cluster", async () => {
    const data = fresh("other-cluster");
    const identity = { formatVersion: 1, clusterId: OTHER_CLUSTER, nodeId: STRANGER };
    writeFileSync(join(data, "identity.json"), JSON.stringify({ ...identity, hasData: false }));
    const node = startNode({ data });
    expect(await node.ended()).toBe(1);
    expect(node.output).toMatch(
      new RegExp(`this is cluster ${home().clusterId}, the caller belongs to ${OTHER_CLUSTER}`),
    );
    expect(JSON.parse(readFileSync(join(data, "identity.json"), "utf8"))).toMatchObject(identity);
    await expectUnaffected();
  });

  test("of a newer format", async () => {
    const data = fresh("newer");
    const identity = JSON.stringify({ formatVersion: 2, clusterId: home().clusterId, nodeId: STRANGER });
    writeFileSync(join(data, "identity.json"), identity);
    const node = startNode({ data });
    expect(await node.ended()).toBe(1);
    expect(node.output).toContain("format version 2, this program knows 1; start the version that wrote it");
    expect(readFileSync(join(data, "identity.json"), "utf8")).toBe(identity);
  });

  test("that is a copy of a living node's", async () => {
    const data = join(cluster.dataDir, "copy");
    cpSync(cluster.dataOf("node-1"), data, { recursive: true, filter: (path) => !path.endsWith("/lock") });
    for (const name of ["home-nodes-1", "intruder"]) {
      const node = startNode({ data, name });
      await node.says(/the node with id [0-9a-f]{32} is alive at 127\.0\.0\.1:\d+ .* its data directory is a copy/);
      await expectUnaffected();
      await node.stop();
      await expectUnaffected();
    }
  }, 60_000);

  test("of its own, but with a name that a living node has", async () => {
    const node = startNode({ data: fresh("namesake"), name: "home-nodes-1" });
    await node.says("a node named home-nodes-1");
    await node.stop();
    await expectUnaffected();
  }, 40_000);
});

test("a port that is in use", async () => {
  const free = [cluster.clientPort(2), peerPort(2), cluster.httpPort(2)] as const;
  const used = [cluster.clientPort(0), peerPort(0), cluster.httpPort(0)] as const;
  for (const index of [0, 1, 2]) {
    const ports = free.map((port, i) => (i === index ? used[i] : port)) as [number, number, number];
    const node = startNode({ data: fresh(`ports-${index}`), ports });
    expect(await node.ended()).toBe(1);
    expect(node.output).toMatch(new RegExp(`${used[index]}.*another process uses it`));
  }
  for (const writer of writers) {
    await writer.advanced(30);
    await writer.stop();
    expect({ refused: [...writer.refusals], unknown: writer.unknownCount }).toEqual({ refused: [], unknown: 0 });
    expect(await writer.faults(cluster.clientPort(0))).toEqual([]);
  }
}, 60_000);
