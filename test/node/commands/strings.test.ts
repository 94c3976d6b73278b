import { beforeEach, expect, test } from "vitest";
import type { DataCommand } from "../../../node/commands/command.ts";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { RECORD_HASH } from "../../../node/engine/record-format.ts";
import { CommandRunner } from "../../support/run-command.ts";

const WRONG_TYPE = { error: "WRONGTYPE Operation against a key holding the wrong kind of value" };
const SYNTAX = { error: "ERR syntax error" };
const NOT_INTEGER = { error: "ERR value is not an integer or out of range" };
const LONG = "0123456789".repeat(5000);
let run: CommandRunner;

/** Makes a hash without fields: enough of another type for the commands of strings. */
const makeHash: DataCommand = {
  name: "makehash",
  scope: "data",
  arity: 2,
  flags: ["write"],
  keys: { kind: "none" },
  group: "hash",
  since: "",
  summary: "",
  complexity: "",
  execute: ({ argv, reply, tx }) => {
    const key = { buf: argv.buf, start: argv.start(1), end: argv.end(1) };
    tx.writeRecord(key, Buffer.from([RECORD_HASH]), Buffer.from([0]), 0, 1);
    reply.ok();
  },
};

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands, makeHash]);
  run.call("makehash", "h");
});

test("a value is what was set, byte by byte, short or long", () => {
  for (const value of ["", "v", "\0\xff\r\n", "x".repeat(16_384), "x".repeat(16_385), LONG]) {
    expect(run.call("SET", "k", value)).toBe("OK");
    expect(run.call("GET", "k")).toBe(value);
    expect(run.call("STRLEN", "k")).toBe(value.length);
  }
  expect(run.call("GET", "none")).toBeNull();
  run.call("DEL", "k");
  expect(run.tx.pages.size).toBe(0);
});

test("SET's conditions and what they answer", () => {
  expect(run.call("SET", "k", "1", "XX")).toBeNull();
  expect(run.call("SET", "k", "1", "nx")).toBe("OK");
  expect(run.call("SET", "k", "2", "NX")).toBeNull();
  expect(run.call("SET", "k", "2", "NX", "GET")).toBe("1");
  expect(run.call("SET", "k", "3", "XX", "GET")).toBe("1");
  expect(run.call("SET", "new", "3", "GET")).toBeNull();
  expect(run.call("GET", "k")).toBe("3");
  expect(run.call("SET", "h", "v", "GET")).toEqual(WRONG_TYPE);
  expect(run.call("SET", "h", "v")).toBe("OK");
});

test("SET's expiry is set, kept and dropped", () => {
  run.call("SET", "k", "v", "EX", 10);
  expect(run.call("PTTL", "k")).toBe(10_000);
  run.call("SET", "k", "w", "KEEPTTL");
  expect(run.call("PTTL", "k")).toBe(10_000);
  run.call("SET", "k", "w", "PXAT", run.nowMs + 7);
  expect(run.call("PTTL", "k")).toBe(7);
  run.call("SET", "k", "w");
  expect(run.call("PTTL", "k")).toBe(-1);
  expect(run.call("SET", "k", "w", "EXAT", 1)).toBe("OK");
  expect(run.call("EXISTS", "k")).toBe(0);
});

test.each([
  [["NX", "XX"], SYNTAX],
  [["EX", "10", "PX", "10"], SYNTAX],
  [["EX", "10", "KEEPTTL"], SYNTAX],
  [["KEEPTTL", "EX", "10"], SYNTAX],
  [["EX"], SYNTAX],
  [["PERSIST"], SYNTAX],
  [["EX", "x"], NOT_INTEGER],
  [["EX", "0"], { error: "ERR invalid expire time in 'set' command" }],
  [["PX", "-5"], { error: "ERR invalid expire time in 'set' command" }],
  [["EX", "9223372036854775807"], { error: "ERR invalid expire time in 'set' command" }],
])("SET k v %s is refused", (options, error) => {
  expect(run.call("SET", "k", "v", ...options)).toEqual(error);
  expect(run.call("EXISTS", "k")).toBe(0);
});

test("SETNX, SETEX, PSETEX, GETSET, GETDEL", () => {
  expect([run.call("SETNX", "k", "1"), run.call("SETNX", "k", "2")]).toEqual([1, 0]);
  expect(run.call("SETEX", "k", 5, "3")).toBe("OK");
  expect(run.call("PTTL", "k")).toBe(5000);
  expect(run.call("PSETEX", "k", 0, "3")).toEqual({ error: "ERR invalid expire time in 'psetex' command" });
  expect(run.call("GETSET", "k", "4")).toBe("3");
  expect(run.call("PTTL", "k")).toBe(-1);
  expect(run.call("GETDEL", "k")).toBe("4");
  expect(run.call("GETDEL", "k")).toBeNull();
  for (const [name, ...args] of [["GET"], ["GETSET", "v"], ["GETDEL"], ["GETEX"], ["STRLEN"]]) {
    expect(run.call(name as string, "h", ...args)).toEqual(WRONG_TYPE);
  }
});

test("GETEX changes the expiry and answers the value", () => {
  run.call("SET", "k", LONG);
  expect(run.call("GETEX", "k", "EX", 10)).toBe(LONG);
  expect(run.call("PTTL", "k")).toBe(10_000);
  expect(run.call("GETEX", "k")).toBe(LONG);
  expect(run.call("PTTL", "k")).toBe(10_000);
  expect(run.call("GETEX", "k", "PERSIST", "EX", 10)).toEqual(SYNTAX);
  expect(run.call("GETEX", "k", "PERSIST")).toBe(LONG);
  expect(run.call("PTTL", "k")).toBe(-1);
  expect(run.call("GETEX", "k", "PX", 0)).toEqual({ error: "ERR invalid expire time in 'getex' command" });
  expect(run.call("GETEX", "k", "PXAT", 1)).toBe(LONG);
  expect([run.call("EXISTS", "k"), run.tx.pages.size]).toEqual([0, 0]);
  expect(run.call("GETEX", "none", "PX", 0)).toBeNull();
});

test("a value is gone at its expiry, and its place can be taken", () => {
  run.call("SET", "k", LONG, "PX", 5);
  run.nowMs += 5;
  expect(run.call("GET", "k")).toBeNull();
  expect(run.call("SETNX", "k", "new")).toBe(1);
  expect([run.call("PTTL", "k"), run.tx.pages.size]).toEqual([-1, 0]);
});
