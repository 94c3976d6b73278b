/**
 * Large values in a cluster of two nodes: 100 MB are set and read where they are led and through another node, others
 * are answered and no link breaks meanwhile; what is above 512 MiB is refused as Redis does, and takes no memory.
 */

import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalClusterProcess } from "../support/local-cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const MIB = 1024 * 1024;
const VALUE_BYTES = 100_000_000;
const TOO_LONG = `-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n`;
const NODES = [0, 1] as const;

let cluster: LocalClusterProcess;
/** A key that node 0 leads. */
let key: string;
const clients: Client[] = [];

beforeAll(async () => {
  cluster = await LocalClusterProcess.create("large", 2);
  const file = cluster.write(
    "cluster.yaml",
    `apiVersion: pika.io/v1alpha1
kind: PikaCluster
metadata: {name: large}
spec: {nodes: {replicas: 2}}
---
apiVersion: pika.io/v1alpha1
kind: PikaTable
metadata: {name: default}
spec: {clusterRef: {name: large}, slots: 8, replicas: 1}
`,
  );
  expect(await cluster.up(file)).toMatchObject({ code: 0, stderr: "" });
  await cluster.ready();
  [key] = (await cluster.keysLedBy(0, 1)) as [string];
}, 120_000);
afterAll(async () => {
  for (const client of clients) client.socket.destroy();
  await cluster.remove();
}, 60_000);

/** A connection that gathers what it is answered. */
class Client {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(node: number) {
    this.socket = connect(cluster.clientPort(node), "127.0.0.1");
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#sizeBytes += chunk.length;
    });
    clients.push(this);
  }

  send(...words: readonly (string | Buffer)[]): void {
    this.socket.write(`*${words.length}\r\n`);
    for (const word of words) {
      this.socket.write(`$${Buffer.byteLength(word)}\r\n`);
      this.socket.write(word);
      this.socket.write("\r\n");
    }
  }

  /** The next `sizeBytes` of what is answered, as soon as they are there. */
  async take(sizeBytes: number): Promise<Buffer> {
    await waitFor(() => this.#sizeBytes >= sizeBytes, { timeoutMs: 30_000, what: `${sizeBytes} bytes of an answer` });
    const all = Buffer.concat(this.#chunks.splice(0));
    this.#chunks.push(all.subarray(sizeBytes));
    this.#sizeBytes -= sizeBytes;
    return all.subarray(0, sizeBytes);
  }

  async expectAnswer(text: string): Promise<void> {
    expect((await this.take(text.length)).toString("latin1")).toBe(text);
  }
}

function anonMib(node: number): number {
  const status = readFileSync(`/proc/${cluster.pidOf(`node-${node}`)}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

/** Pings both nodes until `work` is done; how often both have answered. */
async function pingedDuring(work: Promise<void>): Promise<number> {
  let isDone = false;
  const finished = work.finally(() => {
    isDone = true;
  });
  const pingers = NODES.map((node) => new Client(node));
  let count = 0;
  try {
    do {
      for (const pinger of pingers) pinger.send("PING");
      await Promise.all(pingers.map((pinger) => pinger.expectAnswer("+PONG\r\n")));
      count++;
    } while (!isDone);
  } finally {
    await finished;
  }
  return count;
}

function expectNoBrokenLink(): void {
  for (const node of NODES) expect(cluster.log(`node-${node}`)).not.toMatch(/link has ended|is silent/);
}

test.each([
  ["where it is led", 0],
  ["through another node", 1],
])("100 MB %s, while others are answered", { timeout: 120_000 }, async (_where, node) => {
  const value = Buffer.alloc(VALUE_BYTES, `of node ${node}, `);
  const client = new Client(node);
  const pingCount = await pingedDuring(
    (async () => {
      client.send("SET", key, value);
      await client.expectAnswer("+OK\r\n");
      client.send("GET", key);
      await client.expectAnswer(`$${VALUE_BYTES}\r\n`);
      expect(value.equals(await client.take(VALUE_BYTES))).toBe(true);
      await client.expectAnswer("\r\n");
    })(),
  );
  expect(pingCount).toBeGreaterThan(1);
  expectNoBrokenLink();
  client.send("DEL", key);
  await client.expectAnswer(":1\r\n");
});

test.each(NODES)("a bulk above 512 MiB is refused as it is announced, by node %i", async (node) => {
  const before = anonMib(node);
  const client = new Client(node);
  const closed = new Promise((resolve) => client.socket.once("close", resolve));
  client.socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${512 * MIB + 1}\r\n`);
  await client.expectAnswer("-ERR Protocol error: invalid bulk length\r\n");
  await closed;
  // The longest that is allowed is taken as it comes, not ahead.
  const other = new Client(node);
  other.send("PING");
  other.socket.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${512 * MIB}\r\nbegun`);
  await other.expectAnswer("+PONG\r\n");
  expect(anonMib(node) - before).toBeLessThan(100);
  other.socket.destroy();
});

test.each(NODES)("APPEND and SETRANGE beyond 512 MiB are refused, by node %i", async (node) => {
  const client = new Client(node);
  const before = anonMib(0);
  client.send("SETRANGE", key, `${512 * MIB}`, "x");
  await client.expectAnswer(TOO_LONG);
  client.send("SETRANGE", key, `${512 * MIB - 3}`, "four");
  await client.expectAnswer(TOO_LONG);
  client.send("EXISTS", key);
  await client.expectAnswer(":0\r\n");
  expect(anonMib(0) - before).toBeLessThan(100);
  expectNoBrokenLink();
});
