import { beforeEach, expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { typeName, typeNamed } from "../../../node/commands/type-name.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands]);
  for (const key of ["a", "b", "c"]) run.call("SET", key, key);
});

test("existence and deletion count live keys", () => {
  expect(run.call("EXISTS", "a", "a", "none", "b")).toBe(3);
  expect(run.call("TOUCH", "a", "none")).toBe(1);
  expect(run.call("DEL", "a", "a", "none")).toBe(1);
  expect(run.call("UNLINK", "b", "c", "d")).toBe(2);
  expect(run.call("DBSIZE")).toBe(0);
});

test("types have Redis's names", () => {
  expect([run.call("TYPE", "a"), run.call("TYPE", "none")]).toEqual(["string", "none"]);
  for (let type = 1; type <= 6; type++) expect(typeNamed(typeName(type).toUpperCase())).toBe(type);
  expect(typeNamed("nope")).toBe(0);
});

test("RANDOMKEY gives live keys only, and each of them in time", () => {
  run.call("PEXPIRE", "a", 1);
  run.nowMs += 1;
  const seen = new Set(Array.from({ length: 60 }, () => run.call("RANDOMKEY")));
  expect([...seen].toSorted()).toEqual(["b", "c"]);
  run.call("PEXPIRE", "b", 1);
  run.call("PEXPIRE", "c", 1);
  run.nowMs += 1;
  expect(run.call("RANDOMKEY")).toBeNull();
});

test("RANDOMKEY is fair to the keys of a small slot, however their hashes lie", () => {
  const drawCount = 3000;
  const counts = new Map<unknown, number>();
  for (let i = 0; i < drawCount; i++) {
    const key = run.call("RANDOMKEY");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect(counts.size).toBe(3);
  // 1,000 each are expected; a deviation of 150 is more than five standard deviations.
  for (const count of counts.values()) expect(Math.abs(count - drawCount / 3)).toBeLessThan(150);
});

test("RANDOMKEY reaches every key of a larger slot", () => {
  for (let i = 0; i < 200; i++) run.call("SET", `k${i}`, "v");
  const seen = new Set(Array.from({ length: 4000 }, () => run.call("RANDOMKEY")));
  expect(seen.size).toBe(203);
});

test("flushing leaves nothing", () => {
  run.call("SET", "long", "x".repeat(20_000));
  expect(run.call("FLUSHDB", "nope")).toEqual({ error: "ERR syntax error" });
  expect(run.call("FLUSHALL", "SYNC", "ASYNC")).toEqual({ error: "ERR syntax error" });
  expect(run.call("DBSIZE")).toBe(4);
  expect(run.call("FLUSHDB", "async")).toBe("OK");
  expect([run.call("DBSIZE"), run.tx.pages.size]).toEqual([0, 0]);
});
