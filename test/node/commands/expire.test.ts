import { beforeEach, expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

const LONG = "x".repeat(20_000);
let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands]);
  run.call("SET", "k", LONG);
});

test("an expiry is set in four ways and told in four", () => {
  const now = run.nowMs;
  expect(run.call("EXPIRE", "k", 10)).toBe(1);
  expect(run.call("PEXPIRETIME", "k")).toBe(now + 10_000);
  expect(run.call("PEXPIRE", "k", 1600)).toBe(1);
  expect([run.call("PTTL", "k"), run.call("TTL", "k")]).toEqual([1600, 2]);
  expect(run.call("EXPIREAT", "k", now / 1000 + 7)).toBe(1);
  expect(run.call("EXPIRETIME", "k")).toBe(now / 1000 + 7);
  expect(run.call("PEXPIREAT", "k", now + 9)).toBe(1);
  expect(run.call("PTTL", "k")).toBe(9);
  expect(run.call("GET", "k")).toBe(LONG);
  run.nowMs += 9;
  expect(run.call("TTL", "k")).toBe(-2);
});

test("no key and no expiry are told apart", () => {
  for (const name of ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"]) {
    expect([run.call(name, "k"), run.call(name, "none")]).toEqual([-1, -2]);
  }
  expect([run.call("PERSIST", "k"), run.call("PERSIST", "none"), run.call("EXPIRE", "none", 5)]).toEqual([0, 0, 0]);
  run.call("EXPIRE", "k", 5);
  expect([run.call("PERSIST", "k"), run.call("TTL", "k")]).toEqual([1, -1]);
});

test("a time that has come deletes the key with its tree", () => {
  expect(run.call("EXPIRE", "k", 0)).toBe(1);
  expect([run.call("EXISTS", "k"), run.tx.pages.size, run.tx.records.size]).toEqual([0, 0, 0]);
});

test("conditions", () => {
  const answers = (...calls: [number, string][]) => calls.map(([ttl, option]) => run.call("EXPIRE", "k", ttl, option));
  expect(
    answers([5, "XX"], [5, "GT"], [5, "nx"], [6, "NX"], [4, "gt"], [6, "GT"], [7, "LT"], [5, "LT"], [9, "XX"]),
  ).toEqual([0, 0, 1, 0, 0, 1, 0, 1, 1]);
  expect(run.call("TTL", "k")).toBe(9);
  run.call("PERSIST", "k");
  expect(run.call("EXPIRE", "k", 5, "LT")).toBe(1);
});

test.each([
  [["x"], "ERR value is not an integer or out of range"],
  [["9223372036854775807"], "ERR invalid expire time in 'expire' command"],
  [["5", "NX", "XX"], "ERR NX and XX, GT or LT options at the same time are not compatible"],
  [["5", "GT", "LT"], "ERR GT and LT options at the same time are not compatible"],
  [["5", "ZZ"], "ERR Unsupported option ZZ"],
])("EXPIRE k %s is refused", (args, error) => {
  expect(run.call("EXPIRE", "k", ...args)).toEqual({ error });
  expect(run.call("TTL", "k")).toBe(-1);
});
