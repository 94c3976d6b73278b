/** What bounds the memory of clients, each with its outcome when it is reached (docs/reference/limits.md). */

import { connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { Client } from "../../../node/server/client.ts";
import { OutputGuard } from "../../../node/server/output-limits.ts";
import { command, Harness, type HarnessOptions, type RawClient } from "../../support/server-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

const MIB = 1024 * 1024;
const ONE_SLOT = { tables: [{ name: "default", slots: 1 }] };

let harness: Harness | undefined;
async function start(options: HarnessOptions = {}): Promise<Harness> {
  harness = await new Harness(options).start();
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** The server's side of the connection that was made as number `id`. */
function clientOf(own: Harness, id: number, node = 0): Client | undefined {
  return [...(own.nodes[node]?.server.clients.all() ?? [])].find(({ session }) => session.id === id);
}

async function isServed(own: Harness, node = 0): Promise<void> {
  const other = await own.raw(node);
  await other.send(command("PING")).expect("+PONG\r\n");
}

/** Writes as fast as the socket takes it, until `totalBytes`; answers how much was handed to the system. */
function writeMuch(client: RawClient, piece: Buffer, totalBytes: number): () => number {
  const { socket } = client;
  let written = 0;
  const go = (): void => {
    while (written < totalBytes && !socket.destroyed) {
      written += piece.length;
      if (!socket.write(piece)) {
        socket.once("drain", go);
        return;
      }
    }
  };
  go();
  return () => written - socket.writableLength;
}

it("what is behind a blocked command is read up to a limit, and all of it is run once that is served", async () => {
  const own = await start(ONE_SLOT);
  const blocked = await own.raw();
  blocked.send(command("BLPOP", "list", 0));
  await waitFor(() => own.nodes[0]?.server.clients.blockedCount === 1);
  const set = Buffer.from(command("SET", "a", "x".repeat(100_000)));
  const count = 400;
  const taken = writeMuch(blocked, set, count * set.length);
  let before = -1;
  // It is at rest when nothing was taken for some while.
  await waitFor(async () => {
    const now = taken();
    const isAtRest = now === before && (clientOf(own, 1)?.bufferUse.inputBytes ?? 0) > MIB;
    before = now;
    return isAtRest;
  });
  expect(clientOf(own, 1)?.bufferUse.inputBytes).toBeLessThan(2 * MIB);
  expect(taken()).toBeLessThan(count * set.length);
  const other = await own.raw();
  await other.send(command("RPUSH", "list", "v")).expect(":1\r\n");
  await blocked.expect(`*2\r\n$4\r\nlist\r\n$1\r\nv\r\n${"+OK\r\n".repeat(count)}`, 15_000);
});

it("a pipeline of large replies has its share of each turn only", async () => {
  const own = await start(ONE_SLOT);
  const [first, second] = [await own.raw(), await own.raw()];
  await first.send(command("SET", "a", "x".repeat(300_000))).expect("+OK\r\n");
  const statistics = own.nodes[0]?.server.statistics ?? { outputBytes: 0 };
  const { executors } = own;
  const endTurn = executors.endTurn.bind(executors);
  const shares: number[] = [];
  let before = statistics.outputBytes;
  executors.endTurn = () => {
    shares.push(statistics.outputBytes - before);
    before = statistics.outputBytes;
    return endTurn();
  };
  const reply = `$300000\r\n${"x".repeat(300_000)}\r\n`;
  for (const client of [first, second]) client.send(command("GET", "a").repeat(40));
  await Promise.all([first.expect(reply.repeat(40), 10_000), second.expect(reply.repeat(40), 10_000)]);
  // Two connections: each a MiB and the reply that passed it.
  expect(Math.max(...shares)).toBeLessThanOrEqual(2 * (MIB + reply.length));
  expect(Math.max(...shares)).toBeGreaterThan(MIB);
});

it("a client that never reads makes the node hold a bounded output, whatever it asks for", async () => {
  const own = await start(ONE_SLOT);
  const client = await own.raw();
  await client.send(command("SET", "a", "x".repeat(100_000))).expect("+OK\r\n");
  client.socket.pause();
  let isDone = false;
  const gets = Buffer.from(command("GET", "a").repeat(1000));
  const taken = writeMuch(client, gets, 64 * MIB);
  let highest = 0;
  let before = -1;
  await waitFor(() => {
    const { inputBytes, outputBytes } = clientOf(own, 1)?.bufferUse ?? { inputBytes: 0, outputBytes: 0 };
    highest = Math.max(highest, outputBytes);
    isDone = taken() === before && inputBytes > 0 && outputBytes > MIB;
    before = taken();
    return isDone;
  });
  expect(highest).toBeLessThan(3 * MIB);
  expect(clientOf(own, 1)?.bufferUse.inputBytes).toBeLessThan(2 * MIB);
  expect(taken()).toBeLessThan(64 * MIB);
  await isServed(own);
  client.socket.destroy();
  await waitFor(() => clientOf(own, 1) === undefined);
});

it("a client that never reads replies of a peer is held back, and others are served", async () => {
  const limits = { hardBytes: 8 * MIB, softBytes: 0, softSeconds: 0 };
  const own = await start({ ...ONE_SLOT, nodeCount: 2, server: { outputLimits: limits } });
  const client = await own.raw(1);
  await client.send(command("SET", "a", "x".repeat(100_000))).expect("+OK\r\n");
  client.socket.pause();
  client.send(command("GET", "a").repeat(1000));
  await waitFor(() => {
    const use = clientOf(own, 1, 1)?.bufferUse;
    return use !== undefined && use.outputBytes > MIB && use.pendingCount === 0;
  });
  await isServed(own, 1);
  expect(own.forwarder.requests.length).toBeLessThan(200);
  client.socket.resume();
  await client.until(
    () => client.received.length === 1000 * (100_000 + 11),
    20_000,
    () => `${client.received.length} bytes`,
  );
}, 30_000);

it("a client that asks for many large values of two nodes and does not read has few of them in its node", async () => {
  const own = await start({ tables: [{ name: "default", slots: 2 }], nodeCount: 2 });
  const client = await own.raw();
  const value = "x".repeat(MIB);
  // "b" lies in slot 0, which this node leads, "a" in slot 1.
  await client.send(command("SET", "a", value) + command("SET", "b", value)).expect("+OK\r\n+OK\r\n");
  client.socket.pause();
  const count = 100;
  client.send((command("GET", "a") + command("GET", "a") + command("GET", "b")).repeat(count));
  const other = await own.raw();
  let highest = 0;
  let before = -1;
  // At rest: neither does another request go out, nor does the output change.
  for (let quiet = 0; quiet < 50; ) {
    const use = clientOf(own, 1)?.bufferUse ?? { outputBytes: 0, pendingCount: 0 };
    const now = own.forwarder.requests.length + use.outputBytes;
    highest = Math.max(highest, use.outputBytes);
    quiet = now === before && use.outputBytes > 0 && use.pendingCount === 0 ? quiet + 1 : 0;
    before = now;
    await other.send(command("PING")).expect("+PONG\r\n");
  }
  expect(highest).toBeLessThan(24 * MIB);
  expect(own.forwarder.requests.length).toBeLessThan(40);
  client.socket.resume();
  await client.until(
    () => client.received.length === 3 * count * (value.length + 12),
    20_000,
    () => `${client.received.length} bytes`,
  );
}, 40_000);

it("the replies to a client on their way from peers that pass the output limit close it", async () => {
  const limits = { hardBytes: 4 * MIB, softBytes: 0, softSeconds: 0 };
  const own = await start({ tables: [{ name: "default", slots: 2 }], nodeCount: 2, server: { outputLimits: limits } });
  const client = await own.raw();
  await client.send(command("SET", "a", "x".repeat(MIB))).expect("+OK\r\n");
  // The first reply never comes, those behind it wait for it.
  let isFirst = true;
  own.forwarder.onForward = () => {
    const wait = isFirst ? new Promise<void>(() => undefined) : undefined;
    isFirst = false;
    return wait;
  };
  client.send(command("GET", "a").repeat(12));
  await client.closed();
  await isServed(own);
});

it("the soft limit closes what stays above it for its time, and only that", () => {
  const limits = { hardBytes: 1000, softBytes: 100, softSeconds: 2 };
  const guard = new OutputGuard();
  expect(guard.check(101, limits, 0)).toBeUndefined();
  expect(guard.check(500, limits, 1999)).toBeUndefined();
  expect(guard.check(100, limits, 1999)).toBeUndefined();
  expect(guard.check(101, limits, 2000)).toBeUndefined();
  expect(guard.check(101, limits, 3999)).toBeUndefined();
  expect(guard.check(101, limits, 4000)).toMatch(/soft limit/);
  expect(guard.check(1001, limits, 4000)).toMatch(/hard limit/);
  expect(guard.check(10_000, { hardBytes: 0, softBytes: 0, softSeconds: 0 }, 9000)).toBeUndefined();
});

it("the soft limit closes a client that does not read, by CONFIG SET while it runs", async () => {
  const own = await start(ONE_SLOT);
  const [client, admin] = [await own.raw(), await own.raw()];
  await client.send(command("SET", "a", "x".repeat(5 * MIB))).expect("+OK\r\n");
  client.socket.pause();
  client.send(command("GET", "a").repeat(3));
  await waitFor(() => (clientOf(own, 1)?.bufferUse.outputBytes ?? 0) > MIB);
  await admin.send(command("CONFIG", "SET", "client-output-buffer-limit", "normal 0 1000000 1")).expect("+OK\r\n");
  await waitFor(() => clientOf(own, 1) === undefined);
  await admin.send(command("PING")).expect("+PONG\r\n");
});

it("clients that send half of something and stay cost nobody else anything, and are closed once idle too long", async () => {
  const own = await start(ONE_SLOT);
  const admin = await own.raw();
  const halves = ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nab", "PI", command("MULTI") + command("SET", "a", 1)];
  const clients = await Promise.all(halves.map(async (bytes) => (await own.raw()).send(bytes)));
  await waitFor(() => own.nodes[0]?.server.clients.count === 4);
  await admin.send(command("SET", "b", 1)).expect("+OK\r\n");
  await admin.send(command("CONFIG", "SET", "timeout", 1)).expect("+OK\r\n");
  await waitFor(() => {
    admin.send(command("PING"));
    return clients.every(({ isClosed }) => isClosed);
  });
  expect(admin.isClosed).toBe(false);
  await (await own.raw()).send(command("GET", "a")).expect("$-1\r\n");
});

it("a stranger that claims, pipelines and never reads is held to a stranger's limits", async () => {
  const own = await start({ tables: [{ name: "default", slots: 1, password: "pw" }] });
  const words = await own.raw();
  await words.send("*11\r\n").expect("-ERR Protocol error: unauthenticated multibulk length\r\n");
  await words.closed();
  const silent = await own.raw();
  silent.socket.pause();
  const commands = Buffer.from(command(...Array.from({ length: 10 }, () => "x".repeat(16_000))));
  const taken = writeMuch(silent, commands, 400 * commands.length);
  await waitFor(() => taken() > 8 * MIB);
  const use = clientOf(own, 2)?.bufferUse ?? { inputBytes: 0, outputBytes: 0 };
  expect(use.inputBytes + use.outputBytes).toBeLessThan(3 * MIB);
  const user = await own.raw();
  await user.send(command("AUTH", "pw") + command("PING")).expect("+OK\r\n+PONG\r\n");
});

it("maxclients holds for those that are half open too, and a place is free again once one leaves", async () => {
  const own = await start({ server: { maxClients: 2 } });
  const halfOpen = connect({ host: "127.0.0.1", port: own.port, allowHalfOpen: true });
  halfOpen.write("*2\r\n$3\r\nGET\r\n");
  const second = await own.raw();
  await second.send(command("PING")).expect("+PONG\r\n");
  await waitFor(() => own.nodes[0]?.server.clients.count === 2);
  const third = await own.raw();
  await third.expect("-ERR max number of clients reached\r\n");
  await third.closed();
  halfOpen.end();
  await waitFor(() => own.nodes[0]?.server.clients.count === 1);
  await isServed(own);
  halfOpen.destroy();
});

it("a connection has 16 forwards on their way at first, at most 1,024 once its replies are known to be small", async () => {
  const own = await start({ ...ONE_SLOT, nodeCount: 2 });
  let gate = Promise.withResolvers<void>();
  own.forwarder.onForward = () => gate.promise;
  const client = await own.raw(1);
  const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => `:${from + i}\r\n`).join("");
  client.send(command("INCR", "a").repeat(100));
  for (const count of [16, 1024]) {
    await waitFor(() => own.forwarder.requests.length >= count);
    await isServed(own, 1);
    expect(own.forwarder.requests.length).toBe(count);
    const open = gate;
    own.forwarder.onForward = count === 16 ? undefined : () => undefined;
    open.resolve();
    if (count === 1024) break;
    await client.expect(numbers(1, 100), 10_000);
    gate = Promise.withResolvers<void>();
    own.forwarder.requests = [];
    own.forwarder.onForward = () => gate.promise;
    client.send(command("INCR", "a").repeat(3000));
  }
  await client.expect(numbers(101, 3000), 10_000);
});

it("MULTI queues 256 MiB of arguments and no more; EXEC then aborts and runs none of it", {
  timeout: 30_000,
}, async () => {
  const own = await start(ONE_SLOT);
  const client = await own.raw();
  await client.send(command("MULTI")).expect("+OK\r\n");
  const set = Buffer.concat([
    Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${64 * MIB}\r\n`),
    Buffer.alloc(64 * MIB, 120),
    Buffer.from("\r\n"),
  ]);
  for (let i = 0; i < 4; i++) await client.send(set).expect("+QUEUED\r\n", 10_000);
  await client.send(command("SET", "a", 1)).expect("-ERR the transaction is too large to be queued\r\n");
  const queuedCount = () => clientOf(own, 1)?.session.transaction.queuedCount;
  expect(queuedCount()).toBe(0);
  await client.send(command("SET", "b", 1)).expect("+QUEUED\r\n");
  expect(queuedCount()).toBe(0);
  await client.send(command("EXEC")).expect("-EXECABORT");
  await (await own.raw()).send(command("EXISTS", "a")).expect(":0\r\n");
});

it("SLOWLOG keeps 128 entries of at most 32 arguments of 128 bytes", async () => {
  const own = await start({ ...ONE_SLOT, server: { slowLogMicros: 0 } });
  const client = await own.raw();
  await client.send(command("PING", "x").repeat(200)).expect("$1\r\nx\r\n".repeat(200));
  await client.send(command("SLOWLOG", "LEN")).expect(":128\r\n");
  await client.send(command("SLOWLOG", "RESET")).expect("+OK\r\n");
  await client.send(command("MSET", ...Array.from({ length: 40 }, () => "y".repeat(500)))).expect("+OK\r\n");
  client.send(command("SLOWLOG", "GET", 1) + command("ECHO", "end"));
  await client.until(
    () => client.received.endsWith("$3\r\nend\r\n"),
    3000,
    () => client.received,
  );
  expect(client.received).toContain(`*32\r\n$4\r\nMSET\r\n`);
  expect(client.received).toContain(`${"y".repeat(128)}... (372 more bytes)`);
  expect(client.received).toContain("... (10 more arguments)");
  expect(client.received).not.toContain("y".repeat(129));
});
