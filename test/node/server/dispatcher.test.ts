import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
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

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

describe("order of replies", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), key }),
    fc.record({ kind: fc.constant("get" as const), key }),
    fc.record({ kind: fc.constant("ping" as const), key }),
    fc.record({ kind: fc.constant("mget" as const), key }),
    fc.record({ kind: fc.constant("exec" as const), key }),
    fc.record({ kind: fc.constant("dbsize" as const), key }),
  );

  it("is that of the commands, with misses, peers and commands over many slots, however the bytes are cut", async () => {
    const { nodes, raw } = await start({ nodeCount: 3 }).then((own) => ({ nodes: own.nodes, raw: () => own.raw(1) }));
    const client = await raw();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.nat(5),
        async (steps, cuts, missCount) => {
          client.send(command("FLUSHALL"));
          await client.expect("+OK\r\n");
          for (const { executors } of nodes) {
            for (let slot = 0; slot < 16; slot++) {
              const executor = executors.find(1 as never, slot);
              if (executor !== undefined) executor.missNext = missCount;
            }
          }
          const model = new Map<string, string>();
          let expected = "";
          let bytes = "";
          for (const [i, { kind, key: name }] of steps.entries()) {
            const append = () => model.set(name, `${model.get(name) ?? ""}${i % 10}`);
            const value = () => (model.has(name) ? bulk(model.get(name) as string) : "$-1\r\n");
            if (kind === "append") {
              append();
              bytes += command("APPEND", name, i % 10);
              expected += `:${model.get(name)?.length}\r\n`;
            } else if (kind === "get") {
              bytes += command("GET", name);
              expected += value();
            } else if (kind === "ping") {
              bytes += command("PING", i);
              expected += bulk(String(i));
            } else if (kind === "mget") {
              bytes += command("MGET", name, "missing", name);
              expected += `*3\r\n${value()}$-1\r\n${value()}`;
            } else if (kind === "exec") {
              bytes += command("MULTI") + command("APPEND", name, i % 10) + command("GET", name) + command("EXEC");
              append();
              expected += `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:${model.get(name)?.length}\r\n${value()}`;
            } else {
              bytes += command("DBSIZE");
              expected += `:${model.size}\r\n`;
            }
          }
          const places = [...new Set(cuts.map((cut) => cut % bytes.length))].sort((x, y) => x - y);
          let from = 0;
          for (const place of [...places, bytes.length]) {
            client.send(bytes.slice(from, place));
            from = place;
            await new Promise((resolve) => setImmediate(resolve));
          }
          await client.expect(expected);
        },
      ),
      { numRuns: 120, endOnFailure: true },
    );
  });
});

describe("refusals", () => {
  it.each([
    [command("NOPE", "a", "b"), "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b' \r\n"],
    [command("GET"), "-ERR wrong number of arguments for 'get' command\r\n"],
    [command("CLIENT", "NOPE"), "-ERR unknown subcommand 'NOPE'. Try CLIENT HELP.\r\n"],
    [command("RENAME", "a", "b"), "-CROSSSLOT Keys in request don't hash to the same slot\r\n"],
    [command("SELECT", 1), "-ERR DB index is out of range\r\n"],
    [command("EXEC"), "-ERR EXEC without MULTI\r\n"],
    [command("DISCARD"), "-ERR DISCARD without MULTI\r\n"],
  ])("answers %j", async (bytes, reply) => {
    const client = await (await start()).raw();
    await client.send(bytes).expect(reply);
    await client.send(command("PING")).expect("+PONG\r\n");
  });

  it("a turn that cannot be logged makes errors of all its replies", async () => {
    const { raw, executors } = await start().then((own) => ({ raw: () => own.raw(), executors: own.executors }));
    const client = await raw();
    executors.appendError = "MISCONF the log cannot be written";
    await client
      .send(command("SET", "a", 1) + command("GET", "a"))
      .expect("-MISCONF the log cannot be written\r\n".repeat(2));
    await client.send(command("PING")).expect("+PONG\r\n");
  });
});

describe("commands over many slots", () => {
  it("are split and joined on one node", async () => {
    const client = await (await start()).raw();
    await client.send(command("MSET", "a", 1, "b", 2, "c", 3)).expect("+OK\r\n");
    await client.send(command("MGET", "c", "x", "a")).expect("*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n1\r\n");
    await client.send(command("EXISTS", "a", "b", "x", "a")).expect(":3\r\n");
    await client.send(command("DBSIZE")).expect(":3\r\n");
    await client.send(command("DEL", "a", "b", "x")).expect(":2\r\n");
    await client.send(command("KEYS", "*")).expect("*1\r\n$1\r\nc\r\n");
    await client.send(command("RANDOMKEY")).expect("$1\r\nc\r\n");
    await client.send(command("FLUSHALL")).expect("+OK\r\n");
    await client.send(command("RANDOMKEY")).expect("$-1\r\n");
  });

  it("SCAN visits every slot of every node once", async () => {
    const own = await start({ nodeCount: 3 });
    const client = await own.raw();
    const names = Array.from({ length: 200 }, (_, i) => `key${i}`);
    await client.send(command("MSET", ...names.flatMap((name) => [name, 1]))).expect("+OK\r\n");
    const seen: string[] = [];
    let cursor = "0";
    do {
      client.received = "";
      client.send(command("SCAN", cursor, "COUNT", 7) + command("PING"));
      await client.until(
        () => client.received.endsWith("+PONG\r\n"),
        3000,
        () => client.received,
      );
      const words = client.received.split("\r\n").filter((line) => !/^[*$+]/.test(line) && line !== "");
      cursor = words[0] as string;
      seen.push(...words.slice(1));
    } while (cursor !== "0");
    expect(seen.toSorted()).toEqual(names.toSorted());
  });
});

describe("forwarding", () => {
  it("what waits behind a forwarded reply stays small, however much the client asks for", async () => {
    const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 2 }] });
    const peer = Promise.withResolvers<void>();
    own.forwarder.onForward = () => peer.promise;
    const client = await own.raw();
    // "b" lies in slot 0, which this node leads, "a" in slot 1.
    const value = "v".repeat(100_000);
    await client.send(command("SET", "b", value)).expect("+OK\r\n");
    client.send(command("GET", "a") + command("GET", "b").repeat(200));
    const [connection] = [...(own.nodes[0]?.server.clients.all() ?? [])];
    const held = () => connection?.bufferUse.outputBytes ?? 0;
    const other = await own.raw();
    while (held() === 0) await other.send(command("PING")).expect("+PONG\r\n");
    for (let n = 0; n < 20; n++) await other.send(command("PING")).expect("+PONG\r\n");
    expect(held()).toBeLessThan(2 * 1024 * 1024);
    peer.resolve();
    await client.expect(`$-1\r\n${`$100000\r\n${value}\r\n`.repeat(200)}`);
  });

  it("says so when the outcome is unknown, and tries again what was refused", async () => {
    const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] });
    const client = await own.raw(1);
    own.forwarder.onForward = () => ({ kind: "unknown", error: "the link broke" });
    client.send(command("SET", "a", 1));
    await client.expect(
      "-ERR outcome unknown: the command was sent to the slot's leader, and may have been executed: the link broke\r\n",
    );
    let refusals = 3;
    own.forwarder.onForward = () => (refusals-- > 0 ? { kind: "refused", epoch: 1 } : undefined);
    await client
      .send(command("SET", "a", 1) + command("APPEND", "a", 2) + command("GET", "a"))
      .expect("+OK\r\n:2\r\n$2\r\n12\r\n");
  });

  it("a refused command that a later one has overtaken is not executed", async () => {
    const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] });
    const client = await own.raw(1);
    let isFirst = true;
    own.forwarder.onForward = () => {
      const result = isFirst ? ({ kind: "refused", epoch: 1 } as const) : undefined;
      isFirst = false;
      return result;
    };
    client.send(command("SET", "a", 1) + command("SET", "a", 2));
    await client.until(
      () => client.received.includes("+OK\r\n"),
      3000,
      () => client.received,
    );
    expect(client.received).toMatch(/^-TRYAGAIN not executed.*\r\n\+OK\r\n$/);
    client.received = "";
    await client.send(command("GET", "a")).expect("$1\r\n2\r\n");
  });

  it("MOVED where the table redirects", async () => {
    const own = await start({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] });
    const [table] = own.topology.value.tables.values();
    if (table === undefined) throw new Error("no table");
    own.topology.replace({ tables: new Map([[table.id, { ...table, clientRouting: "Redirect" }]]) });
    const client = await own.raw(1);
    await client.send(command("GET", "foo")).expect("-MOVED 12182 127.0.0.1:7000\r\n");
  });
});
