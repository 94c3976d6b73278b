import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Harness } from "../../support/server-harness.ts";

let harness: Harness;
let redis: Redis;
beforeEach(async () => {
  harness = await new Harness({ nodeCount: 2, tables: [{ name: "default", slots: 4 }] }).start();
  redis = new Redis({ port: harness.port, host: "127.0.0.1", retryStrategy: () => null });
});
afterEach(async () => {
  redis.disconnect();
  await harness.stop();
});

const call = (...args: (string | number)[]): Promise<unknown> => redis.call(args[0] as string, ...args.slice(1));

it("CLUSTER tells the truth: contiguous ranges that cover all Redis slots", async () => {
  const slots = (await call("CLUSTER", "SLOTS")) as [number, number, [string, number, string]][];
  expect(slots.map(([first, last, [host, port]]) => [first, last, host, port])).toEqual([
    [0, 4095, "127.0.0.1", 7000],
    [4096, 8191, "127.0.0.1", 7001],
    [8192, 12287, "127.0.0.1", 7000],
    [12288, 16383, "127.0.0.1", 7001],
  ]);
  expect(await call("CLUSTER", "KEYSLOT", "foo")).toBe(12182);
  expect(await call("CLUSTER", "INFO")).toMatch(/cluster_state:ok\r\n.*cluster_slots_ok:16384/s);
  const nodes = String(await call("CLUSTER", "NODES"))
    .trim()
    .split("\n");
  expect(nodes[0]).toMatch(/^[0-9a-f]{40} 127\.0\.0\.1:7000@7000 myself,master - 0 0 1 connected 0-4095 8192-12287$/);
  expect(await call("CLUSTER", "MYID")).toMatch(/^[0-9a-f]{40}$/);
  const shards = (await call("CLUSTER", "SHARDS")) as unknown[][];
  expect(shards.map((shard) => shard[1])).toEqual([
    [0, 4095, 8192, 12287],
    [4096, 8191, 12288, 16383],
  ]);
  await expect(call("CLUSTER", "MEET", "a", "1")).rejects.toThrow(/manifests/);
  await call("SET", "foo", 1);
  expect(await call("CLUSTER", "COUNTKEYSINSLOT", 12182)).toBe(1);
  expect(await call("CLUSTER", "GETKEYSINSLOT", 12182, 5)).toEqual(["foo"]);
  await expect(call("CLUSTER", "COUNTKEYSINSLOT", 16384)).rejects.toThrow("ERR Invalid or out of range slot");
});

it("CONFIG SET takes what was chosen at the start only as it is, and a keep-alive for the connections to come", async () => {
  const port = harness.port;
  expect(await call("CONFIG", "SET", "port", port, "bind", "127.0.0.1", "tcp-keepalive", 0)).toBe("OK");
  await expect(call("CONFIG", "SET", "tcp-keepalive", 5, "port", port + 1)).rejects.toThrow(/Unable to listen on this/);
  expect(await call("CONFIG", "GET", "tcp-keepalive")).toEqual(["tcp-keepalive", "0"]);
  expect(await call("CONFIG", "GET", "port")).toEqual(["port", String(port)]);
});

it("CONFIG GET tells hidden parameters to who names them, and both names of one that has two", async () => {
  const all = (await call("CONFIG", "GET", "*")) as string[];
  expect(all).not.toContain("key-load-delay");
  expect(all).toEqual(expect.arrayContaining(["replicaof", "slaveof"]));
  expect(await call("CONFIG", "GET", "KEY-load-delay")).toEqual(["key-load-delay", "0"]);
  expect(await call("CONFIG", "GET", "key-load-dela?")).toEqual([]);
});

it("CLIENT LIST names the command that runs and counts its bytes; CLIENT KILL USER knows its users", async () => {
  expect(await call("CLIENT", "LIST")).toMatch(/ qbuf=26 .* cmd=client\|list user=default /);
  expect(await call("CLIENT", "INFO")).toMatch(/ cmd=client\|info /);
  await expect(call("CLIENT", "KILL", "USER", "nobody")).rejects.toThrow("ERR No such user 'nobody'");
  expect(await call("CLIENT", "KILL", "USER", "admin")).toBe(0);
});

it("CONFIG takes live and tuning parameters, all or none", async () => {
  expect(await call("CONFIG", "SET", "hash-max-ziplist-entries", 7, "maxmemory", "1kb")).toBe("OK");
  expect(await call("CONFIG", "GET", "hash-max-listpack-entries")).toEqual(["hash-max-listpack-entries", "7"]);
  expect(await call("CONFIG", "GET", "MAXMEMORY")).toEqual(["maxmemory", "1024"]);
  await expect(call("CONFIG", "SET", "maxclients", 7, "nope", 1)).rejects.toThrow(/^ERR Unknown option/);
  expect(await call("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "100"]);
  await expect(call("CONFIG", "SET", "maxclients", "many")).rejects.toThrow(/couldn't be parsed/);
  await expect(call("CONFIG", "SET", "databases", 2)).rejects.toThrow(/immutable/);
  await expect(call("CONFIG", "SET", "daemonize", "yes")).rejects.toThrow(/immutable/);
  await expect(call("CONFIG", "SET", "maxmemory", 1, "maxmemory-clients", "101%")).rejects.toThrow(/or equal to 100$/);
  expect(await call("CONFIG", "SET", "maxmemory-clients", "5%")).toBe("OK");
  expect(await call("CONFIG", "GET", "maxmemory*")).toEqual(
    expect.arrayContaining(["1024", "maxmemory-clients", "5%"]),
  );
  await expect(call("CONFIG", "REWRITE")).rejects.toThrow(/without a config file/);
  expect(await call("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0")).toBe("OK");
});

it("SLOWLOG keeps what is slower than its limit, for the table", async () => {
  await call("CONFIG", "SET", "slowlog-log-slower-than", 0);
  await call("SLOWLOG", "RESET");
  await call("ECHO", "x".repeat(200));
  const [newest] = (await call("SLOWLOG", "GET", 1)) as [number, number, number, string[]][];
  expect(newest?.[3]).toEqual(["ECHO", `${"x".repeat(128)}... (72 more bytes)`]);
  await call("CONFIG", "SET", "slowlog-log-slower-than", -1);
  await call("SLOWLOG", "RESET");
  await call("PING");
  expect(await call("SLOWLOG", "LEN")).toBe(0);
});

it("INFO has Redis's sections, with the keys of the whole table", async () => {
  await redis.mset({ a: 1, b: 2, c: 3 });
  await redis.expire("b", 100);
  const text = String(await call("INFO", "everything"));
  for (const section of ["Server", "Clients", "Memory", "Stats", "Replication", "CPU", "Commandstats", "Keyspace"]) {
    expect(text.toLowerCase()).toContain(`# ${section.toLowerCase()}\r\n`);
  }
  expect(text).toContain("role:master\r\n");
  expect(text).toContain("db0:keys=3,expires=1,avg_ttl=0\r\n");
  expect(text).toMatch(/cmdstat_mset:calls=1,/);
  expect(await call("INFO", "replication")).not.toContain("# Server");
});

it("COMMAND describes the table of commands", async () => {
  const count = await call("COMMAND", "COUNT");
  const names = (await call("COMMAND", "LIST")) as string[];
  expect(names.filter((name) => !name.includes("|"))).toHaveLength(Number(count));
  expect(names).toEqual(expect.arrayContaining(["get", "config", "config|get", "client|list"]));
  const pattern = (text: string) => call("COMMAND", "LIST", "FILTERBY", "PATTERN", text);
  expect(await pattern("GET")).toEqual(["get"]);
  expect(await pattern("config|?et")).toEqual(["config|get", "config|set"]);
  const [get] = (await call("COMMAND", "INFO", "get", "nope")) as unknown[][];
  expect(get?.slice(0, 6)).toEqual(["get", 2, expect.arrayContaining(["readonly", "fast"]), 1, 1, 1]);
  expect(await call("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2)).toEqual(["a", "b"]);
  await expect(call("COMMAND", "GETKEYS", "PING")).rejects.toThrow("ERR The command has no key arguments");
  const docs = (await call("COMMAND", "DOCS", "config")) as unknown[];
  expect(docs[0]).toBe("config");
});

it("what is asked out of habit is answered, what cannot be is refused with a reason", async () => {
  expect(await call("FUNCTION", "FLUSH")).toBe("OK");
  expect(await call("SCRIPT", "FLUSH", "SYNC")).toBe("OK");
  expect(await call("LATENCY", "RESET")).toBe(0);
  expect(await call("ROLE")).toEqual(["master", 0, []]);
  expect(await call("WAIT", 0, 10)).toBe(0);
  expect(await call("READONLY")).toBe("OK");
  const [seconds, micros] = (await call("TIME")) as [string, string];
  expect(Number(seconds)).toBeGreaterThan(1.7e9);
  expect(Number(micros)).toBeLessThan(1e6);
  await expect(call("REPLICAOF", "a", 1)).rejects.toThrow(/replicas/);
  await expect(call("SWAPDB", 0, 1)).rejects.toThrow(/numbered databases/);
  await expect(call("CLIENT", "TRACKING", "ON")).rejects.toThrow(/not supported/);
  await expect(call("CLIENT", "SETNAME", "a b")).rejects.toThrow(/cannot contain spaces/);
  expect(await call("CLIENT", "HELP")).toEqual(expect.arrayContaining(["HELP"]));
});

it("what is kept for clients that set it is taken, and told again where it can be", async () => {
  expect(await call("CLIENT", "GETNAME")).toBeNull();
  expect(await call("CLIENT", "SETNAME", "worker-1")).toBe("OK");
  expect(await call("CLIENT", "GETNAME")).toBe("worker-1");
  expect(await call("CLIENT", "SETINFO", "LIB-NAME", "lib")).toBe("OK");
  expect(await call("CLIENT", "SETINFO", "LIB-VER", "1.2")).toBe("OK");
  expect(await call("CLIENT", "INFO")).toMatch(/ name=worker-1 .* lib-name=lib lib-ver=1\.2/);
  await expect(call("CLIENT", "SETINFO", "LIB-AGE", "1")).rejects.toThrow("ERR Unrecognized option 'LIB-AGE'");
  expect(await call("CLIENT", "NO-EVICT", "ON")).toBe("OK");
  expect(await call("CLIENT", "NO-TOUCH", "off")).toBe("OK");
  await expect(call("CLIENT", "NO-EVICT", "perhaps")).rejects.toThrow("ERR syntax error");
  expect(await call("CLIENT", "GETREDIR")).toBe(-1);
  expect(await call("CLIENT", "TRACKINGINFO")).toEqual(["flags", ["off"], "redirect", -1, "prefixes", []]);
  await expect(call("CLIENT", "CACHING", "YES")).rejects.toThrow(/not supported/);
  expect(await call("ACL", "WHOAMI")).toBe("default");
  expect(await call("READWRITE")).toBe("OK");
  expect(await call("ASKING")).toBe("OK");
});

it("data need no saving: the commands say so", async () => {
  expect(await call("SAVE")).toBe("OK");
  expect(await call("BGSAVE", "SCHEDULE")).toMatch(/continuous/);
  expect(await call("BGREWRITEAOF")).toMatch(/no append only file/);
  expect(await call("LASTSAVE")).toBe(0);
  expect(await call("DEBUG", "SET-ACTIVE-EXPIRE", 1)).toBe("OK");
  expect(await call("LATENCY", "LATEST")).toEqual([]);
  expect(await call("LATENCY", "HISTORY", "command")).toEqual([]);
  expect(await call("LATENCY", "HISTOGRAM")).toEqual([]);
  expect(await call("LATENCY", "DOCTOR")).toMatch(/see \/metrics/);
});

it("CONFIG RESETSTAT sets the counters back", async () => {
  await call("ECHO", "x");
  expect(await call("INFO", "commandstats")).toContain("cmdstat_echo:");
  expect(await call("CONFIG", "RESETSTAT")).toBe("OK");
  expect(await call("INFO", "commandstats")).not.toContain("cmdstat_echo:");
});

it.each([
  "ADDSLOTS",
  "ADDSLOTSRANGE",
  "BUMPEPOCH",
  "DELSLOTS",
  "DELSLOTSRANGE",
  "FLUSHSLOTS",
  "SAVECONFIG",
  "SET-CONFIG-EPOCH",
  "SETSLOT",
])("CLUSTER %s is refused: manifests and the manager do this", async (subcommand) => {
  await expect(call("CLUSTER", subcommand, 1)).rejects.toThrow(/manifests/);
});

it("SLAVEOF is refused with a reason, and SHUTDOWN closes the connection without a reply", async () => {
  await expect(call("SLAVEOF", "NO", "ONE")).rejects.toThrow(/spec\.replicas/);
  await expect(call("SHUTDOWN", "NOSAVE")).rejects.toThrow(/closed/i);
});
