import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { TestShards } from "../../support/test-shards.ts";

test("an entry that this program cannot execute is refused with its place", async () => {
  for (const [argv, level, what] of [
    [Argv.of("FUTURE", "a"), 1, "the command 'FUTURE'"],
    [Argv.of("SET", "a", "1"), 9, "feature level 9"],
  ] as const) {
    const node = new TestShards();
    const { log } = node.shard(0);
    log.leadTerm = 1;
    node.log.writer.append(log, { nowMs: 1, seed: 0, level }, argv);
    node.shards.endTurn();
    await expect(node.shard(0).replayRest()).rejects.toThrow(new RegExp(`entry 1 of slot 0, table 1, holds ${what}`));
    expect(node.shard(0).state.index).toBe(0);
  }
});

test("a noop moves the position and the time, and nothing else", async () => {
  const node = new TestShards();
  const { log } = node.shard(0);
  log.leadTerm = 3;
  node.log.writer.appendNoop(log, { nowMs: 1234, seed: 0, level: 1 });
  node.shards.endTurn();
  await node.shard(0).replayRest();
  expect(node.shard(0).state).toEqual({ index: 1, term: 3, crc: log.crc, nowMs: 1234 });
  expect(node.contents(0).size).toBe(0);
});
