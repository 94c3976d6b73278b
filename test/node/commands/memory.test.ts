import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { hashCommands } from "../../../node/commands/hashes.ts";
import { memoryHelpCommand, memoryUsageCommand } from "../../../node/commands/memory.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { decodeReplies } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

const run = new CommandRunner([...stringCommands, ...hashCommands, ...sortedSetCommands, memoryUsageCommand]);
const usage = (...rest: readonly string[]) => run.call("memory|usage", "USAGE", ...rest);

test("what a key takes grows with its value, in every form", () => {
  expect(usage("none")).toBeNull();
  run.call("SET", "short", "x");
  run.call("SET", "long", "x".repeat(1_000_000));
  expect(usage("short")).toBeLessThan(100);
  expect(usage("long", "SAMPLES", "0")).toBeGreaterThan(1_000_000);
  expect(usage("long")).toBeLessThan(1_100_000);
  run.call("HSET", "hash", "f", "v");
  expect(usage("hash")).toBeLessThan(200);
  for (let i = 0; i < 2000; i++) {
    run.call("HSET", "hash", `field${i}`, "x".repeat(100));
    run.call("ZADD", "zset", i, `member${i}`);
  }
  expect(usage("hash")).toBeGreaterThan(200_000);
  expect(usage("hash")).toBeLessThan(500_000);
  expect(usage("zset")).toBeGreaterThan(2 * 2000 * 18);
});

test("bad arguments are refused, and HELP says what there is", () => {
  expect(usage("k", "SAMPLES")).toEqual({ error: "ERR syntax error" });
  expect(usage("k", "SAMPLES", "-1")).toEqual({ error: "ERR syntax error" });
  expect(usage("k", "SAMPLES", "x")).toEqual({ error: "ERR value is not an integer or out of range" });
  const reply = new ReplyWriter();
  memoryHelpCommand.execute({} as never, Argv.of("MEMORY", "HELP"), reply);
  expect(JSON.stringify(decodeReplies(reply.buf.subarray(0, reply.length)))).toContain("USAGE");
});
