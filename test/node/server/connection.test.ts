import { connect } from "node:net";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { type Logger, silentLogger } from "../../../node/base/log.ts";
import { command, Harness, type HarnessOptions } from "../../support/server-harness.ts";

let harness: Harness | undefined;
async function start(options: HarnessOptions = {}): Promise<Harness> {
  harness = await new Harness(options).start();
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

it("answers garbage with a protocol error behind the replies before it, and closes", async () => {
  const client = await (await start()).raw();
  client.send(`${command("SET", "a", 1)}*1\r\n:1\r\n${command("GET", "a")}`);
  await client.expect("+OK\r\n-ERR Protocol error: expected '$', got ':'\r\n");
  await client.closed();
  expect(client.received).toBe("");
});

it("closes on garbage although the client goes on sending and never closes", async () => {
  const own = await start();
  const socket = connect({ host: "127.0.0.1", port: own.port, allowHalfOpen: true });
  const isClosed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk;
  });
  const garbage = "A".repeat(64 * 1024);
  const send = () => {
    if (!socket.destroyed) socket.write(garbage, () => setImmediate(send));
  };
  send();
  await isClosed;
  expect(received).toBe("-ERR Protocol error: too big inline request\r\n");
  await (await own.raw()).send(command("PING")).expect("+PONG\r\n");
});

it("refuses long input of a stranger", async () => {
  const own = await start({ tables: [{ name: "default", slots: 1, password: "pw" }] });
  const client = await own.raw();
  await client
    .send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000\r\n")
    .expect("-ERR Protocol error: unauthenticated bulk length\r\n");
  await client.closed();
});

it("a client that sends and half-closes gets its replies", async () => {
  const own = await start({ nodeCount: 2 });
  const client = await own.raw(1);
  client.send(command("SET", "a", 1) + command("MGET", "a", "b", "c") + command("PING"));
  client.socket.end();
  await client.expect("+OK\r\n*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n+PONG\r\n");
  await client.closed();
});

it.each([0, 1])(
  "a client that half-closes behind a command that blocks gets what it asked for before (node %i)",
  async (n) => {
    const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] });
    const client = await own.raw(n);
    client.send(command("SET", "a", 1).repeat(100) + command("BLPOP", "none", 0) + command("SET", "a", 2));
    client.socket.end();
    await client.expect("+OK\r\n".repeat(100));
    await client.closed();
    expect(client.received).toBe("");
    expect(own.nodes[n]?.server.clients.blockedCount).toBe(0);
    await (await own.raw()).send(command("GET", "a")).expect("$1\r\n1\r\n");
  },
);

it.each([0, 1])("a client that half-closes while it is blocked is let go (node %i)", async (n) => {
  const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] });
  const client = await own.raw(n);
  await client.send(command("SET", "a", 1) + command("BLPOP", "list", 0)).expect("+OK\r\n");
  const other = await own.raw();
  while (own.nodes[n]?.server.clients.blockedCount === 0) await other.send(command("PING")).expect("+PONG\r\n");
  client.socket.end();
  await client.closed();
  expect(client.received).toBe("");
  await other.send(command("RPUSH", "list", "v") + command("LLEN", "list")).expect(":1\r\n:1\r\n");
});

it("QUIT closes after its reply and runs nothing behind it", async () => {
  const client = await (await start()).raw();
  await client.send(command("QUIT") + command("PING")).expect("+OK\r\n");
  await client.closed();
  expect(client.received).toBe("");
});

it("turns clients away beyond maxclients", async () => {
  const own = await start({ server: { maxClients: 1 } });
  const first = await own.raw();
  await first.send(command("PING")).expect("+PONG\r\n");
  const second = await own.raw();
  await second.expect("-ERR max number of clients reached\r\n");
  await second.closed();
  await first.send(command("CONFIG", "SET", "maxclients", 2)).expect("+OK\r\n");
  await (await own.raw()).send(command("PING")).expect("+PONG\r\n");
});

it("a slow reader with too much output is closed, with a line in the log", async () => {
  const lines: string[] = [];
  const log: Logger = { ...silentLogger, warn: (_fields, message) => lines.push(message) };
  const limits = { hardBytes: 3_000_000, softBytes: 0, softSeconds: 0 };
  const own = await start({ log, server: { outputLimits: limits } });
  const client = await own.raw();
  const big = "x".repeat(2_000_000);
  await client.send(command("SET", "a", big)).expect("+OK\r\n");
  client.socket.pause();
  client.send(command("MGET", ...Array.from({ length: 10 }, () => "a")));
  while (own.nodes[0]?.server.clients.count !== 0) await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toEqual(["closed client"]);
});

it("a slow reader that pipelines waits, and gets everything once it reads", async () => {
  const own = await start();
  const client = await own.raw();
  await client.send(command("SET", "a", "x".repeat(300_000))).expect("+OK\r\n");
  client.socket.pause();
  client.send(command("GET", "a").repeat(60));
  const other = await own.raw();
  await other.send(command("PING")).expect("+PONG\r\n");
  client.socket.resume();
  await client.expect(`$300000\r\n${"x".repeat(300_000)}\r\n`.repeat(60), 10_000);
});

describe("CLIENT", () => {
  it("REPLY OFF, ON and SKIP", async () => {
    const client = await (await start()).raw();
    client.send(
      command("CLIENT", "REPLY", "OFF") +
        command("PING") +
        command("MGET", "a", "b") +
        command("CLIENT", "REPLY", "ON"),
    );
    await client.expect("+OK\r\n");
    client.send(command("CLIENT", "REPLY", "SKIP") + command("PING") + command("ECHO", "x"));
    await client.expect("$1\r\nx\r\n");
  });

  it("KILL closes others and oneself", async () => {
    const own = await start();
    const first = await own.raw();
    const second = await own.raw();
    await first.send(command("CLIENT", "ID")).expect(":1\r\n");
    await second.send(command("CLIENT", "KILL", "ID", 1)).expect(":1\r\n");
    await first.closed();
    await second.send(command("CLIENT", "KILL", "ID", 2, "SKIPME", "no")).expect(":1\r\n");
    await second.closed();
  });

  it("PAUSE WRITE holds writes until UNPAUSE", async () => {
    const own = await start();
    const client = await own.raw();
    const other = await own.raw();
    await other.send(command("CLIENT", "PAUSE", 100_000, "WRITE")).expect("+OK\r\n");
    await client.send(command("GET", "a") + command("SET", "a", 1)).expect("$-1\r\n");
    await other.send(command("GET", "a") + command("CLIENT", "UNPAUSE")).expect("$-1\r\n+OK\r\n");
    await client.expect("+OK\r\n");
  });

  it("PAUSE WRITE holds an EXEC that writes, not one that reads, and what is held counts as blocked", async () => {
    const own = await start({ tables: [{ name: "default", slots: 1 }] });
    const [admin, reader, writer, leaver] = [await own.raw(), await own.raw(), await own.raw(), await own.raw()];
    const countBlocked = async () => {
      admin.send(command("INFO", "clients"));
      await admin.until(
        () => admin.received.includes("tracking_clients"),
        3000,
        () => admin.received,
      );
      const count = Number(/blocked_clients:(\d+)/.exec(admin.received)?.[1]);
      admin.received = "";
      return count;
    };
    await admin.send(command("CLIENT", "PAUSE", 100_000, "WRITE")).expect("+OK\r\n");
    reader.send(command("MULTI") + command("GET", "a") + command("EXEC"));
    await reader.expect("+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
    await writer.send(command("MULTI") + command("SET", "a", 1)).expect("+OK\r\n+QUEUED\r\n");
    writer.send(command("EXEC"));
    leaver.send(command("SET", "b", 1));
    while ((await countBlocked()) !== 2);
    await admin.send(command("CLIENT", "LIST", "ID", 3)).expect("$");
    await admin.until(
      () => admin.received.endsWith("\n\r\n"),
      3000,
      () => admin.received,
    );
    expect(admin.received).toContain("flags=bx");
    admin.received = "";
    leaver.socket.resetAndDestroy();
    while ((await countBlocked()) !== 1);
    await admin.send(command("CLIENT", "UNPAUSE")).expect("+OK\r\n");
    await writer.expect("*1\r\n+OK\r\n");
    expect(await countBlocked()).toBe(0);
  });

  it("REPLY ON right behind REPLY SKIP is answered", async () => {
    const client = await (await start()).raw();
    client.send(command("CLIENT", "REPLY", "SKIP") + command("CLIENT", "REPLY", "ON") + command("PING"));
    await client.expect("+OK\r\n+PONG\r\n");
    client.send(command("CLIENT", "REPLY", "SKIP") + command("PING") + command("ECHO", "a"));
    await client.expect("$1\r\na\r\n");
  });
});

it("works with ioredis in both protocols", async () => {
  const own = await start();
  const redis = new Redis({ port: own.port, host: "127.0.0.1", lazyConnect: true });
  try {
    await redis.connect();
    expect(await redis.set("k", "v")).toBe("OK");
    const results = await redis.pipeline().get("k").incr("n").hset("h", "f", "1").hgetall("h").exec();
    expect(results?.map(([, value]) => value)).toEqual(["v", 1, 1, { f: "1" }]);
    expect(await redis.call("HELLO", "3")).toBeTruthy();
  } finally {
    redis.disconnect();
  }
});

it("a client that sends no more is forgotten where a later command of it would block", async () => {
  const own = await start();
  const client = await own.raw();
  client.socket.write(command("KEYS", "*") + command("PING") + command("BLPOP", "nothing", "0"));
  client.socket.end();
  await client.closed();
  expect(own.nodes[0]?.server.clients.blockedCount).toBe(0);
});
