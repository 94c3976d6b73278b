import { beforeEach, expect, test } from "vitest";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

const NOT_INTEGER = { error: "ERR value is not an integer or out of range" };
const OVERFLOW = { error: "ERR increment or decrement would overflow" };
let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner(stringCommands);
});

test("counting starts at nothing and goes both ways", () => {
  expect([
    run.call("INCR", "k"),
    run.call("INCRBY", "k", 10),
    run.call("DECR", "k"),
    run.call("DECRBY", "k", 30),
  ]).toEqual([1, 11, 10, -20]);
  expect(run.call("GET", "k")).toBe("-20");
  expect(run.call("DECRBY", "zero", 0)).toBe(0);
  expect(run.call("GET", "zero")).toBe("0");
});

test("64 bits are kept exactly, and not left", () => {
  run.call("SET", "k", "9007199254740991");
  expect(run.call("INCRBY", "k", 2)).toBe(9007199254740993n);
  run.call("SET", "k", "9223372036854775806");
  expect(run.call("INCR", "k")).toBe(9223372036854775807n);
  expect(run.call("INCR", "k")).toEqual(OVERFLOW);
  expect(run.call("DECRBY", "k", "-9223372036854775808")).toEqual({ error: "ERR decrement would overflow" });
  expect(run.call("INCRBY", "k", "-9223372036854775808")).toBe(-1);
  run.call("SET", "k", "-9223372036854775808");
  expect(run.call("DECR", "k")).toEqual(OVERFLOW);
});

test("what is no integer stays as it is", () => {
  for (const value of ["", "a", "1.0", " 1", "01", "9223372036854775808", "1".repeat(20_000)]) {
    run.call("SET", "k", value);
    expect(run.call("INCR", "k")).toEqual(NOT_INTEGER);
    expect(run.call("GET", "k")).toBe(value);
  }
  expect(run.call("INCRBY", "k", "x")).toEqual(NOT_INTEGER);
  expect(run.call("DECRBY", "k", "1.5")).toEqual(NOT_INTEGER);
});

test("INCRBYFLOAT answers and stores what Redis would", () => {
  run.call("SET", "k", "10.50");
  expect(run.call("INCRBYFLOAT", "k", "0.1")).toBe("10.6");
  expect(run.call("INCRBYFLOAT", "k", "-5.6")).toBe("5");
  expect(run.call("GET", "k")).toBe("5");
  expect(run.call("INCRBYFLOAT", "new", "5.0e3")).toBe("5000");
  expect(run.call("INCRBYFLOAT", "k", "x")).toEqual({ error: "ERR value is not a valid float" });
  expect(run.call("INCRBYFLOAT", "k", "inf")).toEqual({ error: "ERR increment would produce NaN or Infinity" });
  for (const value of ["abc", "1".repeat(6000), "1".repeat(20_000)]) {
    run.call("SET", "text", value);
    expect(run.call("INCRBYFLOAT", "text", "1")).toEqual({ error: "ERR value is not a valid float" });
  }
});
