import { beforeEach, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { hashCommands } from "../../../node/commands/hashes.ts";
import { memoryCommands, memoryHelpCommand } from "../../../node/commands/memory.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { decodeReplies } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;
const usage = (key: string, ...options: (string | number)[]) => run.call("memory|usage", "USAGE", key, ...options);

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...hashCommands, ...sortedSetCommands, ...memoryCommands]);
});

test("a string takes its bytes and a little more, long ones too", () => {
  for (const sizeBytes of [10, 1000, 100_000]) {
    run.call("SET", "key", "x".repeat(sizeBytes));
    expect(usage("key")).toBeGreaterThan(sizeBytes + 3);
    expect(usage("key")).toBeLessThan(sizeBytes + 200);
  }
});

test("a large collection takes at least its elements", () => {
  const pairs = Array.from({ length: 1000 }, (_, i) => [`field${i}`, "x".repeat(50)]).flat();
  run.call("HSET", "hash", ...pairs);
  expect(usage("hash")).toBeGreaterThan(pairs.join("").length);
  for (let i = 0; i < 500; i++) run.call("ZADD", "zset", i, `member${i}`);
  expect(usage("zset", "SAMPLES", 0)).toBeGreaterThan(2 * 500 * "member100".length);
});

test("no key, bad options", () => {
  run.call("SET", "key", "v");
  expect(usage("none")).toBeNull();
  expect(usage("key", "SAMPLES", 5)).toBeGreaterThan(0);
  expect(usage("key", "SAMPLES")).toEqual({ error: "ERR syntax error" });
  expect(usage("key", "SAMPLES", -1)).toEqual({ error: "ERR syntax error" });
  expect(usage("key", "SAMPLES", "x")).toEqual({ error: "ERR value is not an integer or out of range" });
  expect(usage("key", "OTHER", 1)).toEqual({ error: "ERR syntax error" });
});

test("HELP names USAGE", () => {
  const reply = new ReplyWriter();
  void memoryHelpCommand.execute(undefined, Argv.of("MEMORY", "HELP"), reply);
  expect(JSON.stringify(decodeReplies(Buffer.from(reply.buf.subarray(0, reply.length))))).toContain("USAGE <key>");
});
