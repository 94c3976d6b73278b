import { beforeEach, expect, test } from "vitest";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

const TOO_LONG = { error: "ERR string exceeds maximum allowed size (proto-max-bulk-len)" };
let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner(stringCommands);
});

test("APPEND grows a string across the forms", () => {
  let expected = "";
  for (const size of [0, 1, 100, 16_000, 1, 500, 20_000]) {
    expected += "a".repeat(size);
    expect(run.call("APPEND", "k", "a".repeat(size))).toBe(expected.length);
    expect(run.call("GET", "k")).toBe(expected);
  }
});

test.each([
  [0, 3, "This"],
  [-3, -1, "ing"],
  [0, -1, "This is a string"],
  [10, 100, "string"],
  [5, 2, ""],
  [-1, -5, ""],
  [0, -100, "T"],
  [100, 200, ""],
  ["-9223372036854775808", "9223372036854775807", "This is a string"],
])("GETRANGE %s %s", (first, last, expected) => {
  run.call("SET", "k", "This is a string");
  expect(run.call("GETRANGE", "k", first, last)).toBe(expected);
  expect(run.call("SUBSTR", "k", first, last)).toBe(expected);
});

test("GETRANGE of a long string reads its part", () => {
  run.call("SET", "k", Array.from({ length: 10_000 }, (_, i) => String(i).padStart(5, "0")).join(""));
  expect(run.call("GETRANGE", "k", 25_000, 25_009)).toBe("0500005001");
  expect(run.tx.readCount).toBeLessThan(5);
  expect(run.call("GETRANGE", "none", 0, -1)).toBe("");
  expect(run.call("GETRANGE", "k", "x", 1)).toEqual({ error: "ERR value is not an integer or out of range" });
});

test("SETRANGE overwrites, fills gaps and knows the limits", () => {
  expect(run.call("SETRANGE", "k", 3, "")).toBe(0);
  expect(run.call("GET", "k")).toBeNull();
  expect(run.call("SETRANGE", "k", 3, "ab")).toBe(5);
  expect(run.call("GET", "k")).toBe("\0\0\0ab");
  expect(run.call("SETRANGE", "k", 4, "cd")).toBe(6);
  expect(run.call("SETRANGE", "k", 20_000, "z")).toBe(20_001);
  expect(run.call("GETRANGE", "k", 3, 6)).toBe("acd\0");
  expect(run.call("SETRANGE", "k", 4, "")).toBe(20_001);
  expect(run.call("SETRANGE", "k", -1, "x")).toEqual({ error: "ERR offset is out of range" });
  expect(run.call("SETRANGE", "k", "x", "x")).toEqual({ error: "ERR value is not an integer or out of range" });
  expect(run.call("SETRANGE", "k", 512 * 1024 * 1024, "x")).toEqual(TOO_LONG);
  expect(run.call("SETRANGE", "k", "9223372036854775807", "x")).toEqual(TOO_LONG);
});
