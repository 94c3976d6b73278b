import { beforeEach, expect, test } from "vitest";
import { hashCommands } from "../../../node/commands/hashes.ts";
import { keyCommands } from "../../../node/commands/keys.ts";
import { listCommands } from "../../../node/commands/lists.ts";
import { setCommands } from "../../../node/commands/sets.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { DumpWriter } from "../../../node/datatypes/dump-format.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([
    ...stringCommands,
    ...keyCommands,
    ...hashCommands,
    ...listCommands,
    ...setCommands,
    ...sortedSetCommands,
  ]);
});

/** A payload with a right checksum, whatever the value. */
function pack(type: number, ...value: number[]): string {
  const writer = new DumpWriter(type);
  writer.bytes(Buffer.from(value), 0, value.length);
  return writer.finish().toString("latin1");
}

function dump(key: string): string {
  return run.call("DUMP", key) as string;
}

test("strings come back as they were, with the expiry that RESTORE says", () => {
  for (const value of ["", "v", "\0\xff", "x".repeat(16_385), "y".repeat(70_000)]) {
    run.call("SET", "k", value, "EX", 100);
    const payload = dump("k");
    run.call("FLUSHDB");
    expect(run.call("RESTORE", "copy", 0, payload)).toBe("OK");
    expect([run.call("GET", "copy"), run.call("PTTL", "copy")]).toEqual([value, -1]);
    expect(run.call("RESTORE", "copy", 50, payload, "REPLACE")).toBe("OK");
    expect(run.call("PTTL", "copy")).toBe(50);
    expect(run.call("RESTORE", "copy", run.nowMs + 9, payload, "replace", "absttl")).toBe("OK");
    expect(run.call("PTTL", "copy")).toBe(9);
  }
  expect(run.call("DUMP", "none")).toBeNull();
});

test("collections come back as they were, small and large", () => {
  for (const count of [1, 20, 1000]) {
    const names = Array.from({ length: count }, (_, i) => `n${i}`);
    run.call("HSET", "hash", ...names.flatMap((name, i) => [name, i]));
    run.call("SADD", "set", ...names);
    run.call("RPUSH", "list", ...names);
    run.call("ZADD", "zset", ...names.flatMap((name, i) => [i / 4 - 10, name]));
    const seen = ["HGETALL hash", "SMEMBERS set", "ZRANGE zset 0 -1 WITHSCORES", "LRANGE list 0 -1"].map((line) =>
      line.split(" "),
    );
    const before = seen.map(([name, ...args]) => (run.call(String(name), ...args) as string[]).toSorted());
    const payloads = ["hash", "set", "zset", "list"].map((key) => [key, dump(key)] as const);
    run.call("FLUSHDB");
    for (const [key, payload] of payloads) expect(run.call("RESTORE", key, 5000, payload)).toBe("OK");
    const after = seen.map(([name, ...args]) => (run.call(String(name), ...args) as string[]).toSorted());
    expect(after).toEqual(before);
    expect(run.call("LRANGE", "list", 0, -1)).toEqual(names);
    expect(["hash", "set", "zset"].map((key) => run.call("PTTL", key))).toEqual([5000, 5000, 5000]);
    for (const [key, payload] of payloads) run.call("RESTORE", key, 0, payload, "REPLACE");
    run.call("DEL", "hash", "set", "zset", "list");
    expect(run.tx.pages.size).toBe(0);
  }
});

test("a value that is not what its type says is refused and changes nothing", () => {
  run.call("SADD", "k", "old");
  const bad = [
    pack(3),
    pack(3, 0),
    pack(3, 1, 1, 65),
    pack(3, 1, 1, 65, 2, 66),
    pack(2, 0),
    pack(2, 2, 1, 65),
    pack(4, 2, 1, 65),
    pack(4, 1, 1, 65, 0),
    pack(4, 200, 200, 200),
    pack(5, 1, 0, 0, 0, 0),
    pack(5, 1, 255, 255, 255, 255, 255, 255, 255, 255, 1, 65),
  ];
  for (const payload of bad) {
    expect(run.call("RESTORE", "k", 0, payload, "REPLACE")).toEqual({ error: "ERR Bad data format" });
    expect(run.call("SMEMBERS", "k")).toEqual(["old"]);
  }
});

test("a time that has come leaves no key", () => {
  run.call("SET", "k", "v");
  expect(run.call("RESTORE", "k", 1, dump("k"), "REPLACE", "ABSTTL")).toBe("OK");
  expect(run.call("EXISTS", "k")).toBe(0);
});

test("what RESTORE refuses", () => {
  run.call("SET", "k", "v");
  const payload = dump("k");
  const refused = (...args: (string | number)[]) => (run.call("RESTORE", ...args) as { error: string }).error;
  expect(refused("k", 0, payload)).toBe("BUSYKEY Target key name already exists.");
  expect(refused("n", 0, `${payload}x`)).toBe("ERR DUMP payload version or checksum are wrong");
  expect(refused("n", 0, "")).toBe("ERR DUMP payload version or checksum are wrong");
  expect(refused("n", 0, pack(9))).toBe("ERR Bad data format");
  expect(refused("n", -1, payload)).toBe("ERR Invalid TTL value, must be >= 0");
  expect(refused("n", "x", payload)).toBe("ERR value is not an integer or out of range");
  expect(refused("n", 0, payload, "IDLETIME", -1)).toBe("ERR Invalid IDLETIME value, must be >= 0");
  expect(refused("n", 0, payload, "FREQ", 256)).toBe("ERR Invalid FREQ value, must be >= 0 and <= 255");
  expect(refused("n", 0, payload, "FREQ", 1, "IDLETIME", 1)).toBe("ERR syntax error");
  expect(refused("n", 0, payload, "FOO")).toBe("ERR syntax error");
  expect(run.call("EXISTS", "n")).toBe(0);
});
