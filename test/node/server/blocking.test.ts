import { afterEach, describe, expect, it } from "vitest";
import { command, Harness, type HarnessOptions, type RawClient } from "../../support/server-harness.ts";

let harness: Harness | undefined;
async function start(options: HarnessOptions = {}): Promise<Harness> {
  harness = await new Harness({ tables: [{ name: "default", slots: 1 }], ...options }).start();
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** Waits until `count` clients of the first node are blocked. */
async function blocked(asker: RawClient, count: number): Promise<void> {
  const deadline = performance.now() + 3000;
  for (;;) {
    asker.received = "";
    asker.send(command("INFO", "clients") + command("PING"));
    await asker.until(
      () => asker.received.endsWith("+PONG\r\n"),
      3000,
      () => asker.received,
    );
    const isThere = asker.received.includes(`blocked_clients:${count}\r\n`);
    if (isThere || performance.now() > deadline) {
      asker.received = "";
      expect(isThere).toBe(true);
      return;
    }
  }
}

describe("here", () => {
  it("serves waiters in the order of their arrival, one element each", async () => {
    const own = await start();
    const asker = await own.raw();
    const clients: RawClient[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await own.raw();
      client.send(command("BLPOP", "other", "l", 0));
      clients.push(client);
      await blocked(asker, i + 1);
    }
    await asker.send(command("RPUSH", "l", "x", "y")).expect(":2\r\n");
    await clients[0]?.expect("*2\r\n$1\r\nl\r\n$1\r\nx\r\n");
    await clients[1]?.expect("*2\r\n$1\r\nl\r\n$1\r\ny\r\n");
    await blocked(asker, 1);
    clients[2]?.socket.destroy();
    await blocked(asker, 0);
    await asker.send(command("RPUSH", "l", "z") + command("LLEN", "l")).expect(":1\r\n:1\r\n");
  });

  it("is not woken by a transaction that leaves the key empty or of another type", async () => {
    const own = await start();
    const asker = await own.raw();
    const client = await own.raw();
    client.send(command("BLPOP", "l", 0));
    await blocked(asker, 1);
    asker.send(
      command("MULTI") + command("LPUSH", "l", 1) + command("DEL", "l") + command("SET", "l", "s") + command("EXEC"),
    );
    await asker.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:1\r\n+OK\r\n");
    await blocked(asker, 1);
    asker.send(command("DEL", "l") + command("RPUSH", "l", 2));
    await asker.expect(":1\r\n:1\r\n");
    await client.expect("*2\r\n$1\r\nl\r\n$1\r\n2\r\n");
  });

  it("what serving one waiter changes serves the next", async () => {
    const own = await start();
    const asker = await own.raw();
    const first = await own.raw();
    const second = await own.raw();
    first.send(command("BLMOVE", "a", "b", "LEFT", "LEFT", 0));
    await blocked(asker, 1);
    second.send(command("BLPOP", "b", 0));
    await blocked(asker, 2);
    await asker.send(command("RPUSH", "a", "v")).expect(":1\r\n");
    await first.expect("$1\r\nv\r\n");
    await second.expect("*2\r\n$1\r\nb\r\n$1\r\nv\r\n");
  });

  it("times out, and can be unblocked", async () => {
    const own = await start();
    const asker = await own.raw();
    const client = await own.raw();
    await client.send(command("BLPOP", "l", 0.01) + command("CLIENT", "ID")).expect("*-1\r\n:2\r\n");
    client.send(command("BZPOPMIN", "z", 0));
    await blocked(asker, 1);
    await asker.send(command("CLIENT", "UNBLOCK", 2)).expect(":1\r\n");
    await client.expect("*-1\r\n");
    client.send(command("BLPOP", "l", 0) + command("PING"));
    await blocked(asker, 1);
    await asker
      .send(command("CLIENT", "UNBLOCK", 2, "ERROR") + command("CLIENT", "UNBLOCK", 99))
      .expect(":1\r\n:0\r\n");
    await client.expect("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n");
  });

  it("commands behind a blocked one wait", async () => {
    const own = await start();
    const asker = await own.raw();
    const client = await own.raw();
    client.send(command("BLPOP", "l", 0) + command("SET", "after", 1));
    await blocked(asker, 1);
    await asker.send(command("EXISTS", "after") + command("RPUSH", "l", 1)).expect(":0\r\n:1\r\n");
    await client.expect("*2\r\n$1\r\nl\r\n$1\r\n1\r\n+OK\r\n");
  });
});

describe("at a peer", () => {
  it("waits there, is served, times out, and is forgotten when the client leaves", async () => {
    const own = await start({ nodeCount: 2 });
    const asker = await own.raw(0);
    const client = await own.raw(1);
    client.send(command("BLPOP", "l", 0));
    await client
      .until(
        () => own.forwarder.requests.length === 1,
        3000,
        () => "not forwarded",
      )
      .catch(() => {});
    await asker.send(command("RPUSH", "l", 1)).expect(":1\r\n");
    await client.expect("*2\r\n$1\r\nl\r\n$1\r\n1\r\n");
    await client.send(command("BLPOP", "l", 0.01)).expect("*-1\r\n");
    client.send(command("BLPOP", "l", 0));
    while (own.forwarder.requests.length < 3) await new Promise((resolve) => setImmediate(resolve));
    client.socket.destroy();
    await client.closed();
    while (own.nodes[1]?.server.clients.count !== 0) await new Promise((resolve) => setImmediate(resolve));
    await asker.send(command("RPUSH", "l", 2) + command("LLEN", "l")).expect(":1\r\n:1\r\n");
  });
});
