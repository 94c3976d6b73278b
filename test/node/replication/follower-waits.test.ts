import { expect, test } from "vitest";
import { tableId } from "../../../node/meta/ids.ts";
import { type FollowerProgressSource, waitForFollowers } from "../../../node/replication/follower-waits.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const TABLE = tableId(1);

/** Acknowledged indexes of the followers of each slot that is led. */
class Followers implements FollowerProgressSource {
  readonly slots = new Map<number, number[]>();
  readonly listeners = new Set<() => void>();

  countFollowersAt({ slot, index }: { slot: number; index: number }): number | undefined {
    return this.slots.get(slot)?.filter((acknowledged) => acknowledged >= index).length;
  }

  onProgress(changed: () => void): () => void {
    this.listeners.add(changed);
    return () => this.listeners.delete(changed);
  }

  set(slot: number, acknowledged: readonly number[] | undefined): void {
    if (acknowledged) this.slots.set(slot, [...acknowledged]);
    else this.slots.delete(slot);
    for (const changed of [...this.listeners]) changed();
  }
}

function scene() {
  const clock = new VirtualClock();
  const source = new Followers();
  source.set(0, [5, 3]);
  source.set(1, [9, 9]);
  const leaving = new AbortController();
  const wait = (
    count: number,
    timeoutMs: number,
    targets: readonly [number, number][] = [
      [0, 5],
      [1, 9],
    ],
  ) =>
    waitForFollowers(
      targets.map(([slot, index]) => ({ table: TABLE, slot, index })),
      { count, timeoutMs, signal: leaving.signal },
      { source, clock },
    );
  return { clock, source, leaving, wait };
}

test("what is there already is answered at once: the smallest number of the slots", async () => {
  const { wait, source } = scene();
  expect(await wait(0, 0)).toBe(1);
  expect(await wait(1, 0)).toBe(1);
  expect(await wait(-5, 0)).toBe(1);
  expect(await wait(2, 0, [[1, 9]])).toBe(2);
  expect(await wait(0, 0, [])).toBe(0);
  expect(source.listeners.size).toBe(0);
});

test("it waits for acknowledgements, for its time, or for the asker", async () => {
  const { clock, source, leaving, wait } = scene();
  const first = wait(2, 0);
  source.set(0, [5, 4]);
  source.set(0, [6, 5]);
  expect(await first).toBe(2);
  const second = wait(3, 100);
  await clock.advanceAsync(100);
  expect(await second).toBe(2);
  const third = wait(3, 0);
  leaving.abort();
  expect(await third).toBe(2);
  expect([source.listeners.size, clock.pendingCount]).toEqual([0, 0]);
});

test("it ends with the leadership of a slot", async () => {
  const { source, wait } = scene();
  expect(await wait(1, 0, [[7, 0]])).toBe(0);
  const waiting = wait(2, 0);
  source.set(0, undefined);
  expect(await waiting).toBe(0);
});
