import { expect, test } from "vitest";
import { replayAtStart } from "../../../node/shard/start-replay.ts";
import { TestShards } from "../../support/test-shards.ts";

const signal = new AbortController().signal;

/** A process that ended with 1,000 entries in the log of each of its three slots, none of them in the database. */
async function crashed(): Promise<TestShards> {
  const before = await new TestShards().leadAll();
  for (let n = 0; n < 1000; n++) for (const slot of [0, 1, 2]) before.run(slot, "SET", `k${n % 7}`, `${slot}:${n}`);
  expect(await before.endTurn()).toBeUndefined();
  return before;
}

test("executes what the database lacks of the wanted slots, and leaves the others alone", async () => {
  const before = await crashed();
  const after = before.restart();
  const { node, shards } = after;
  const { clock } = after.machine;
  const isWanted = ({ slot }: { readonly slot: number }) => slot !== 1;
  const count = await replayAtStart({ node, shards, clock }, { isWanted, pauseMs: () => 0, signal });
  // Of each slot the entries, and the one that its leader began its term with.
  expect(count).toBeGreaterThanOrEqual(2000);
  expect(after.contents(0)).toEqual(before.contents(0));
  expect(after.contents(2)).toEqual(before.contents(2));
  expect(after.contents(1).size).toBe(0);
  expect(after.shard(0).state.index).toBe(before.shard(0).state.index);
  expect(await replayAtStart({ node, shards, clock }, { isWanted, pauseMs: () => 0, signal })).toBe(0);
});

test("waits while the flusher is behind", async () => {
  const after = (await crashed()).restart();
  const { node, shards } = after;
  const { clock } = after.machine;
  let askedCount = 0;
  const pauseMs = () => (askedCount++ === 0 ? 50 : 0);
  let count: number | undefined;
  const replay = replayAtStart({ node, shards, clock }, { isWanted: () => true, pauseMs, signal }).then((entries) => {
    count = entries;
  });
  while (clock.pendingCount === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(count).toBeUndefined();
  clock.advance(50);
  await replay;
  expect(count).toBeGreaterThanOrEqual(3000);
});
