import { afterEach, expect, it } from "vitest";
import { command, Harness, type HarnessOptions } from "../../support/server-harness.ts";
import { waitFor } from "../../support/wait-for.ts";

let harness: Harness | undefined;
async function start(options: HarnessOptions = {}): Promise<Harness> {
  const tables = [
    { name: "default", slots: 4 },
    { name: "orders", slots: 2, password: "secret" },
  ];
  harness = await new Harness({ tables, ...options }).start();
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

const WRONG = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

it("a table's connection sees its own keys, clients and slow commands only", async () => {
  const own = await start({ adminPassword: "root" });
  const plain = await own.raw();
  const orders = await own.raw();
  await orders.send(command("AUTH", "orders", "secret")).expect("+OK\r\n");
  await plain.send(command("SET", "a", 1) + command("SET", "b", 1)).expect("+OK\r\n+OK\r\n");
  await orders.send(command("GET", "a") + command("DBSIZE") + command("KEYS", "*")).expect("$-1\r\n:0\r\n*0\r\n");
  await orders.send(command("SET", "a", 2) + command("FLUSHALL")).expect("+OK\r\n+OK\r\n");
  await plain.send(command("DBSIZE")).expect(":2\r\n");
  orders.send(command("CLIENT", "LIST") + command("PING"));
  await orders.until(
    () => orders.received.endsWith("+PONG\r\n"),
    3000,
    () => orders.received,
  );
  expect(orders.received.match(/id=/g)).toHaveLength(1);
  orders.received = "";
  await orders.send(command("CLIENT", "KILL", "ID", 1)).expect(":0\r\n");
  await orders.send(command("SLOWLOG", "LEN")).expect(":0\r\n");
});

it("wrong passwords and unknown users get the same error", async () => {
  const client = await (await start()).raw();
  await client.send(command("AUTH", "orders", "wrong")).expect(WRONG);
  await client.send(command("AUTH", "nobody", "x")).expect(WRONG);
  await client.send(command("AUTH", "admin", "x")).expect(WRONG);
  await client.send(command("HELLO", 3, "AUTH", "orders", "wrong")).expect(WRONG);
});

it("without a password given, a table that wants one refuses all but AUTH, HELLO, QUIT and RESET", async () => {
  const own = await start({ tables: [{ name: "default", slots: 1, password: "pw" }] });
  const client = await own.raw();
  const noAuth = "-NOAUTH Authentication required.\r\n";
  await client.send(command("GET", "a") + command("PING") + command("CLIENT", "LIST")).expect(noAuth.repeat(3));
  await client.send(command("NOPE")).expect("-ERR unknown command 'NOPE', with args beginning with: \r\n");
  await client.send(command("AUTH", "pw") + command("GET", "a")).expect("+OK\r\n$-1\r\n");
  await client.send(command("RESET") + command("GET", "a")).expect(`+RESET\r\n${noAuth}`);
});

it("with an admin password, rights and other tables want it", async () => {
  const own = await start({ adminPassword: "root" });
  const client = await own.raw();
  const refused = "-NOPERM this connection has no administrator's rights: AUTH admin <password>\r\n";
  await client.send(command("CONFIG", "SET", "timeout", 0)).expect(refused);
  await client
    .send(command("SELECT", "orders"))
    .expect("-NOPERM this connection may not enter table 'orders': AUTH orders <password>\r\n");
  await client.send(command("AUTH", "admin", "root") + command("CONFIG", "SET", "timeout", 0)).expect("+OK\r\n+OK\r\n");
  await client
    .send(command("SELECT", "orders") + command("SET", "a", 1) + command("SELECT", 0) + command("GET", "a"))
    .expect("+OK\r\n+OK\r\n+OK\r\n$-1\r\n");
  await client.send(command("SELECT", "nowhere")).expect("-ERR no such table 'nowhere'\r\n");
});

it("without one, the default table's connections have all rights", async () => {
  const client = await (await start()).raw();
  await client.send(command("CONFIG", "SET", "timeout", 0) + command("SELECT", "orders")).expect("+OK\r\n+OK\r\n");
  const orders = await (harness as Harness).raw();
  await orders.send(command("AUTH", "orders", "secret")).expect("+OK\r\n");
  await orders
    .send(command("DEBUG", "SLEEP", 0))
    .expect("-NOPERM this connection has no administrator's rights: AUTH admin <password>\r\n");
});

it("two passwords are taken during a rotation, and a deleted table is gone", async () => {
  const own = await start();
  const client = await own.raw();
  await client.send(command("AUTH", "orders", "secret") + command("SET", "a", 1)).expect("+OK\r\n+OK\r\n");
  const tables = new Map([...own.topology.value.tables].filter(([, { name }]) => name !== "orders"));
  const assignments = new Map([...own.topology.value.assignments].filter(([id]) => tables.has(id)));
  own.topology.replace({ tables, assignments });
  const [id] = [...own.executors.leading(2 as never)];
  expect(id).toBeDefined();
  for (const executor of own.executors.leading(2 as never)) executor.isServing = false;
  await client.send(command("GET", "a")).expect("-ERR table 'orders' does not exist\r\n");
});

it("CLIENT PAUSE of a table's connection holds that table's clients alone, the administrator's holds all", async () => {
  const own = await start({ adminPassword: "root" });
  const [orders, colleague, other, admin] = [await own.raw(), await own.raw(), await own.raw(), await own.raw()];
  for (const client of [orders, colleague]) await client.send(command("AUTH", "orders", "secret")).expect("+OK\r\n");
  await admin.send(command("AUTH", "admin", "root")).expect("+OK\r\n");
  await orders.send(command("CLIENT", "PAUSE", 100_000, "WRITE")).expect("+OK\r\n");
  await other.send(command("SET", "a", 1)).expect("+OK\r\n");
  colleague.send(command("SET", "a", 2));
  await waitFor(() => own.nodes[0]?.server.clients.blockedCount === 1);
  // Another table's connection cannot end it.
  await other.send(command("CLIENT", "UNPAUSE") + command("GET", "a")).expect("+OK\r\n$1\r\n1\r\n");
  expect(own.nodes[0]?.server.clients.blockedCount).toBe(1);
  await admin.send(command("CLIENT", "PAUSE", 100_000, "WRITE")).expect("+OK\r\n");
  other.send(command("SET", "a", 3));
  await waitFor(() => own.nodes[0]?.server.clients.blockedCount === 2);
  await orders.send(command("CLIENT", "UNPAUSE") + command("GET", "a")).expect("+OK\r\n$-1\r\n");
  expect(own.nodes[0]?.server.clients.blockedCount).toBe(2);
  await orders.send(command("CLIENT", "PAUSE", 100_000, "WRITE")).expect("+OK\r\n");
  await admin.send(command("CLIENT", "UNPAUSE")).expect("+OK\r\n");
  await colleague.expect("+OK\r\n");
  await other.expect("+OK\r\n");
});
