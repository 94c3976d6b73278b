import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { dataCommands } from "../../../node/commands/registry.ts";
import type { Transaction } from "../../../node/engine/transaction.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { EngineHarness, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";

const commands = new Map(dataCommands.map((command) => [command.name, command]));

function execute(tx: Transaction, parts: readonly string[]): string {
  const reply = new ReplyWriter();
  commands.get(parts[0] ?? "")?.execute({ argv: Argv.of(...parts), reply, tx });
  return reply.buf.toString("latin1", 0, reply.length);
}

const name = fc.integer({ min: 0, max: 60 }).map((n) => `name:${n}:${"#".repeat(n)}`);
const names = fc.array(name, { minLength: 1, maxLength: 15, size: "max" });
const command = fc.oneof(
  names.map((all) => ["hset", "h", ...all.flatMap((one) => [one, one])]),
  names.map((all) => ["hdel", "h", ...all]),
  names.map((all) => ["sadd", "s", ...all]),
  names.map((all) => ["srem", "s", ...all]),
  names.map((all) => ["zadd", "z", ...all.flatMap((one, i) => [String(i % 4), one])]),
  names.map((all) => ["zrem", "z", ...all]),
  fc.constantFrom(
    ["zremrangebyrank", "z", "1", "3"],
    ["zpopmax", "z", "2"],
    ["del", "h"],
    ["sunionstore", "t", "s", "t"],
  ),
  fc.constantFrom(["hgetall", "h"], ["smembers", "s"], ["zrange", "z", "0", "-1", "withscores"], ["smembers", "t"]),
);
const READS = [
  ["hgetall", "h"],
  ["smembers", "s"],
  ["smembers", "t"],
  ["zrange", "z", "0", "-1", "withscores"],
];

it("is the same over the engine, command by command with a tiny cache and all in one transaction", async () => {
  const sequences = fc.array(command, { minLength: 1, maxLength: 25, size: "max" });
  const run = async (sequence: readonly (readonly string[])[]): Promise<void> => {
    const single = await EngineHarness.open({ engine: { cacheBytes: TINY_CACHE_BYTES } });
    const joined = await EngineHarness.open();
    const all = [...sequence, ...READS];
    const replies: string[] = [];
    for (const parts of all) replies.push(await single.run((tx) => execute(tx, parts)));
    expect(await joined.run((tx) => all.map((parts) => execute(tx, parts)))).toEqual(replies);
    for (const parts of READS) {
      const expected = replies[all.indexOf(parts)];
      expect(await joined.run((tx) => execute(tx, parts))).toBe(expected);
    }
    await Promise.all([single.close(), joined.close()]);
  };
  await fc.assert(fc.asyncProperty(sequences, run), { numRuns: 40 });
});
