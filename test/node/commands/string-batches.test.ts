import { beforeEach, expect, test } from "vitest";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner(stringCommands);
});

test("several keys are set and read at once, the last of one key wins", () => {
  expect(run.call("MSET", "a", "1", "b", "2", "a", "3", "long", "x".repeat(20_000), "long", "short")).toBe("OK");
  expect(run.call("MGET", "a", "none", "b", "long", "a")).toEqual(["3", null, "2", "short", "3"]);
  expect(run.tx.pages.size).toBe(0);
});

test("MSETNX sets all or nothing", () => {
  expect(run.call("MSETNX", "a", "1", "b", "2", "a", "3")).toBe(1);
  expect(run.call("MSETNX", "c", "1", "b", "3")).toBe(0);
  expect(run.call("MGET", "a", "b", "c")).toEqual(["3", "2", null]);
});

test("a key without a value is refused", () => {
  for (const name of ["mset", "msetnx"]) {
    const error = { error: `ERR wrong number of arguments for '${name}' command` };
    expect(run.call(name, "a", "1", "b")).toEqual(error);
    expect(run.call(name, "a")).toEqual(error);
  }
  expect(run.call("MGET", "a")).toEqual([null]);
});
