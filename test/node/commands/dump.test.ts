import { beforeEach, expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { packDump } from "../../../node/datatypes/dump-format.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands]);
});

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
  expect(refused("n", 0, packDump(9, []).toString("latin1"))).toBe("ERR Bad data format");
  expect(refused("n", -1, payload)).toBe("ERR Invalid TTL value, must be >= 0");
  expect(refused("n", "x", payload)).toBe("ERR value is not an integer or out of range");
  expect(refused("n", 0, payload, "IDLETIME", -1)).toBe("ERR Invalid IDLETIME value, must be >= 0");
  expect(refused("n", 0, payload, "FREQ", 256)).toBe("ERR Invalid FREQ value, must be >= 0 and <= 255");
  expect(refused("n", 0, payload, "FREQ", 1, "IDLETIME", 1)).toBe("ERR syntax error");
  expect(refused("n", 0, payload, "FOO")).toBe("ERR syntax error");
  expect(run.call("EXISTS", "n")).toBe(0);
});
