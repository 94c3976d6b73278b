import { beforeEach, expect, test } from "vitest";
import { dataCommands } from "../../../node/commands/registry.ts";
import { CommandRunner } from "../../support/run-command.ts";

const LONG = "abcdefgh".repeat(4000);
const OTHER = "z".repeat(30_000);
let run: CommandRunner;

/** How many trees have pages. */
function treeCount(): number {
  return new Set([...run.tx.pages.keys()].map((name) => name.split(":")[0])).size;
}

beforeEach(() => {
  run = new CommandRunner(dataCommands);
  run.call("SET", "short", "v", "PX", 500);
  run.call("SET", "long", LONG, "PX", 900);
});

test("RENAME moves value and expiry, and what was there goes", () => {
  run.call("SET", "target", OTHER);
  expect(run.call("RENAME", "long", "target")).toBe("OK");
  expect([run.call("GET", "target"), run.call("PTTL", "target"), run.call("EXISTS", "long")]).toEqual([LONG, 900, 0]);
  expect(treeCount()).toBe(1);
  expect(run.call("RENAME", "target", "target")).toBe("OK");
  expect(run.call("GET", "target")).toBe(LONG);
  expect(run.call("RENAME", "none", "target")).toEqual({ error: "ERR no such key" });
});

test("RENAMENX does nothing where the name is taken, unless that has expired", () => {
  expect(run.call("RENAMENX", "long", "short")).toBe(0);
  expect(run.call("RENAMENX", "long", "long")).toBe(0);
  expect(run.call("RENAMENX", "none", "new")).toEqual({ error: "ERR no such key" });
  run.nowMs += 500;
  expect(run.call("RENAMENX", "long", "short")).toBe(1);
  expect([run.call("GET", "short"), run.call("PTTL", "short")]).toEqual([LONG, 400]);
});

test("COPY makes a value of its own", () => {
  expect(run.call("COPY", "long", "copy")).toBe(1);
  expect([run.call("PTTL", "copy"), treeCount()]).toEqual([900, 2]);
  run.call("SETRANGE", "copy", 5, "XX");
  expect(run.call("GET", "long")).toBe(LONG);
  expect(run.call("COPY", "long", "short")).toBe(0);
  expect(run.call("COPY", "short", "copy", "REPLACE")).toBe(1);
  expect([run.call("GET", "copy"), treeCount()]).toEqual(["v", 1]);
  run.call("DEL", "long");
  expect(treeCount()).toBe(0);
});

test("collections in tree form are moved and copied with all their trees", () => {
  const names = Array.from({ length: 600 }, (_, i) => `name${i}`);
  run.call("HSET", "hash", ...names.flatMap((name, i) => [name, i]));
  run.call("SADD", "set", ...names);
  run.call("ZADD", "zset", ...names.flatMap((name, i) => [i, name]));
  run.call("RPUSH", "list", ...names);
  run.call("DEL", "long");
  const before = treeCount();
  expect(before).toBe(5);
  for (const key of ["hash", "set", "zset", "list"]) {
    expect(run.call("COPY", key, "copy")).toBe(1);
    expect(run.call("RENAME", key, "moved")).toBe("OK");
    expect(run.call("DUMP", "copy")).toBe(run.call("DUMP", "moved"));
    expect(run.call("EXISTS", key)).toBe(0);
    run.call("DEL", "copy");
    run.call("RENAME", "moved", key);
    expect(treeCount()).toBe(before);
  }
  expect([run.call("ZRANK", "zset", "name300"), run.call("LINDEX", "list", 300)]).toEqual([300, "name300"]);
  run.call("DEL", "hash", "set", "zset", "list");
  expect(treeCount()).toBe(0);
});

test("COPY's options", () => {
  expect(run.call("COPY", "short", "short")).toEqual({ error: "ERR source and destination objects are the same" });
  expect(run.call("COPY", "short", "new", "DB", "0")).toBe(1);
  expect(run.call("COPY", "short", "new", "DB", "1")).toEqual({ error: "ERR DB index is out of range" });
  expect(run.call("COPY", "short", "new", "DB", "x")).toEqual({ error: "ERR value is not an integer or out of range" });
  expect(run.call("COPY", "short", "new", "DB")).toEqual({ error: "ERR syntax error" });
  expect(run.call("COPY", "none", "new")).toBe(0);
});
