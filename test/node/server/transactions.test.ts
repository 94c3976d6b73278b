import { afterEach, describe, it } from "vitest";
import { command, Harness, type HarnessOptions } from "../../support/server-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

let harness: Harness | undefined;
async function start(options: HarnessOptions = {}): Promise<Harness> {
  harness = await new Harness(options).start();
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

const ONE_SLOT = { tables: [{ name: "default", slots: 1 }] };

describe.each([
  ["here", { ...ONE_SLOT }, 0],
  ["at a peer", { ...ONE_SLOT, nodeCount: 2 }, 1],
])("a slot that is led %s", (_where, options, node) => {
  it("runs a transaction as one, commands of the connection among the others", async () => {
    const client = await (await start(options)).raw(node);
    client.send(command("MULTI") + command("SET", "a", 1) + command("PING") + command("INCR", "a") + command("EXEC"));
    await client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n+PONG\r\n:2\r\n");
    await client.send(command("MULTI") + command("EXEC")).expect("+OK\r\n*0\r\n");
  });

  it("EXEC with arguments ends the transaction and says why", async () => {
    const client = await (await start(options)).raw(node);
    const reason = "wrong number of arguments for 'exec' command";
    await client.send(command("eXEC", "x")).expect(`-ERR ${reason}\r\n`);
    client.send(command("MULTI") + command("SET", "a", 1) + command("EXEC", "x") + command("EXEC"));
    await client.expect(
      `+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: ${reason}\r\n-ERR EXEC without MULTI\r\n`,
    );
  });

  it("WATCH makes EXEC answer nil after a change by another client", async () => {
    const own = await start(options);
    const client = await own.raw(node);
    const other = await own.raw(0);
    await client.send(command("WATCH", "a")).expect("+OK\r\n");
    await client.send(command("WATCH", "b")).expect("+OK\r\n");
    await other.send(command("SET", "a", 1)).expect("+OK\r\n");
    await client.send(command("MULTI") + command("SET", "a", 2) + command("EXEC")).expect("+OK\r\n+QUEUED\r\n*-1\r\n");
    await client.send(command("GET", "a")).expect("$1\r\n1\r\n");
    await client.send(command("WATCH", "a")).expect("+OK\r\n");
    await client
      .send(command("MULTI") + command("SET", "a", 2) + command("EXEC"))
      .expect("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  });

  it("the keys of a watch are limited, and one that is watched again keeps its first version", async () => {
    const own = await start(options);
    const client = await own.raw(node);
    const other = await own.raw(0);
    await client.send(command("WATCH", "a")).expect("+OK\r\n");
    await other.send(command("SET", "a", 5)).expect("+OK\r\n");
    await client.send(command("WATCH", "a")).expect("+OK\r\n");
    await client.send(command("MULTI") + command("EXEC")).expect("+OK\r\n*-1\r\n");
    const key = "k".repeat(60_000);
    for (let n = 0; n < 17; n++) await client.send(command("WATCH", key)).expect("+OK\r\n");
    await client.send(command("WATCH", key)).expect("-ERR too many keys are watched: UNWATCH first\r\n");
    await client.send(command("MULTI") + command("EXEC")).expect("+OK\r\n*-1\r\n");
    await client.send(command("WATCH", key)).expect("+OK\r\n");
  });

  it("UNWATCH and DISCARD end watches", async () => {
    const own = await start(options);
    const client = await own.raw(node);
    await client
      .send(command("WATCH", "a") + command("UNWATCH") + command("SET", "a", 1))
      .expect("+OK\r\n+OK\r\n+OK\r\n");
    await client
      .send(command("MULTI") + command("GET", "a") + command("EXEC"))
      .expect("+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n");
    await client
      .send(command("WATCH", "a") + command("MULTI") + command("DISCARD") + command("SET", "a", 2))
      .expect("+OK\r\n".repeat(4));
    await client
      .send(command("MULTI") + command("GET", "a") + command("EXEC"))
      .expect("+OK\r\n+QUEUED\r\n*1\r\n$1\r\n2\r\n");
  });

  it("a blocking command does not wait in a transaction", async () => {
    const client = await (await start(options)).raw(node);
    client.send(command("MULTI") + command("BLPOP", "l", 0) + command("EXEC"));
    await client.expect("+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n");
  });
});

it("errors while queueing abort", async () => {
  const client = await (await start()).raw();
  client.send(command("MULTI") + command("NOPE") + command("SET", "a", 1) + command("EXEC"));
  await client.expect(
    "+OK\r\n-ERR unknown command 'NOPE', with args beginning with: \r\n+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n",
  );
  await client.send(command("GET", "a")).expect("$-1\r\n");
  client.send(command("MULTI") + command("MULTI") + command("WATCH", "a") + command("PING") + command("EXEC"));
  await client.expect(
    "+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n+QUEUED\r\n*1\r\n+PONG\r\n",
  );
});

it("a transaction stays in its table: what is queued behind SELECT or AUTH must not run in another", async () => {
  const own = await start({
    tables: [
      { name: "default", slots: 4 },
      { name: "other", slots: 4 },
    ],
  });
  const refusal =
    "-ERR Command not allowed inside a transaction: AUTH and SELECT of another table come before MULTI\r\n";
  const abort = "-EXECABORT Transaction discarded because of previous errors.\r\n";
  for (const entering of [
    ["SELECT", "other"],
    ["AUTH", "other", "x"],
    ["HELLO", "2", "AUTH", "other", "x"],
  ] as const) {
    const client = await own.raw();
    client.send(command("MULTI") + command(...entering) + command("SET", "a", 1) + command("EXEC"));
    await client.expect(`+OK\r\n${refusal}+QUEUED\r\n${abort}`);
    await client.send(command("GET", "a")).expect("$-1\r\n");
  }
  const client = await own.raw();
  client.send(command("MULTI") + command("SELECT", 0) + command("SELECT", "default") + command("EXEC"));
  await client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
  await client
    .send(command("SELECT", "other") + command("MULTI") + command("SELECT", 0))
    .expect(`+OK\r\n+OK\r\n${refusal}`);
});

it("keys of several slots are refused when they are queued", async () => {
  const client = await (await start()).raw();
  const cross = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
  client.send(command("MULTI") + command("SET", "a", 1) + command("SET", "b", 1) + command("EXEC"));
  await client.expect(`+OK\r\n+QUEUED\r\n${cross}-EXECABORT Transaction discarded because of previous errors.\r\n`);
  client.send(command("MULTI") + command("SET", "{t}a", 1) + command("SET", "{t}b", 1) + command("EXEC"));
  await client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
  await client.send(command("WATCH", "a", "b")).expect(cross);
});

it("a failed append makes an error of EXEC", async () => {
  const own = await start();
  const client = await own.raw();
  await client.send(command("MULTI") + command("SET", "a", 1)).expect("+OK\r\n+QUEUED\r\n");
  own.executors.appendError = "MISCONF no log";
  await client.send(command("EXEC")).expect("-MISCONF no log\r\n");
});

it("an EXEC that its leader refuses as a whole is one error at the node that forwards it", async () => {
  const own = await new Harness({ nodeCount: 2, tables: [{ name: "default", slots: 1 }] }).start();
  harness = own;
  const client = await own.raw(1);
  const queue = command("MULTI") + command("SET", "a", 1) + command("PING") + command("SET", "a", 2);
  await client.send(queue).expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  own.executors.appendError = "MISCONF no log";
  await client.send(command("EXEC")).expect("-MISCONF no log\r\n");
  const [table] = own.topology.value.tables.keys();
  const executor = table === undefined ? undefined : own.executors.find(table, 0);
  if (executor === undefined) throw new Error("no executor");
  executor.refusal = { reason: "limit", error: "OOM no room" };
  const aborted = "-EXECABORT Transaction discarded because of: OOM no room\r\n";
  await client.send(queue + command("EXEC")).expect(`+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n${aborted}`);
  executor.refusal = undefined;
  await client
    .send(queue + command("EXEC"))
    .expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n+PONG\r\n+OK\r\n");
});

function executorOf(own: Harness) {
  const [table] = own.topology.value.tables.keys();
  const executor = table === undefined ? undefined : own.executors.find(table, 0);
  if (executor === undefined) throw new Error("node 0 does not lead the slot");
  return executor;
}

describe("an EXEC of one command or of two that goes to another node", () => {
  const exec = (...commands: readonly (readonly (string | number)[])[]) =>
    [["MULTI"], ...commands, ["EXEC"]].map((words) => command(...(words as [string]))).join("");
  const one = { text: exec(["SET", "a", 1]), queued: `+OK\r\n+QUEUED\r\n` };
  const two = { text: exec(["SET", "a", 1], ["GET", "a"]), queued: `+OK\r\n+QUEUED\r\n+QUEUED\r\n` };

  it.each([one, two])(
    "is one error where a limit refuses it or the append fails: $queued",
    async ({ text, queued }) => {
      const own = await start({ tables: [{ name: "default", slots: 1 }], nodeCount: 2 });
      const client = await own.raw(1);
      const executor = executorOf(own);
      executor.refusal = { reason: "limit", error: "OOM no room" };
      await client.send(text).expect(`${queued}-EXECABORT Transaction discarded because of: OOM no room\r\n`);
      executor.refusal = undefined;
      own.executors.appendError = "MISCONF no log";
      await client.send(text).expect(`${queued}-MISCONF no log\r\n`);
      own.executors.appendError = undefined;
      await client.send(command("PING")).expect("+PONG\r\n");
    },
  );

  it.each([one, two])("is tried again where it leads no more, or goes by another epoch: $queued", async (what) => {
    const own = await start({ tables: [{ name: "default", slots: 1 }], nodeCount: 2 });
    const client = await own.raw(1);
    const executor = executorOf(own);
    executor.isServing = false;
    client.send(what.text);
    await waitFor(() => own.forwarder.requests.length > 0);
    executor.isServing = true;
    own.topology.replace({});
    const replies = what === one ? "*1\r\n+OK\r\n" : "*2\r\n+OK\r\n$1\r\n1\r\n";
    await client.expect(`${what.queued}${replies}`);
  });

  it("has an error of one of its commands among the replies", async () => {
    const own = await start({ tables: [{ name: "default", slots: 1 }], nodeCount: 2 });
    const client = await own.raw(1);
    await client.send(command("RPUSH", "a", 1)).expect(":1\r\n");
    client.send(exec(["GET", "a"]));
    await client.expect("+OK\r\n+QUEUED\r\n*1\r\n-WRONGTYPE");
  });
});
