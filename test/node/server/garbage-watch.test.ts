import { expect, test } from "vitest";
import { GarbageWatch, heapCollector } from "../../../node/server/garbage-watch.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

const MIB = 1024 * 1024;

async function watch(bufferBytes: () => number) {
  const clock = new VirtualClock();
  let count = 0;
  const service = new GarbageWatch({ clock, bufferBytes, knownBytes: () => 1000 * MIB, collect: () => count++ });
  await service.start();
  const countAfter = (ms: number) => {
    clock.advance(ms);
    return count;
  };
  return { service, countAfter };
}

test("buffers that are known or few are left alone", async () => {
  const { countAfter } = await watch(() => 1064 * MIB);
  expect(countAfter(60_000)).toBe(0);
});

test("much garbage that stays is collected once, and rarely where it is no garbage", async () => {
  let bytes = 1300 * MIB;
  const { countAfter, service } = await watch(() => bytes);
  expect(countAfter(1000)).toBe(0);
  expect(countAfter(1000)).toBe(1);
  expect(countAfter(10_000)).toBe(1);
  expect(countAfter(2_000)).toBe(2);
  bytes = 1010 * MIB;
  expect(countAfter(60_000)).toBe(2);
  bytes = 1300 * MIB;
  await service.stop();
  expect(countAfter(60_000)).toBe(2);
});

test("a peak that goes by itself is no reason", async () => {
  let lookCount = 0;
  const { countAfter } = await watch(() => (lookCount++ % 2 === 0 ? 1300 : 1000) * MIB);
  expect(countAfter(60_000)).toBe(0);
});

test("the collector frees buffers that nobody refers to", async () => {
  const collect = heapCollector();
  let held: Buffer[] | undefined = Array.from({ length: 10 }, () => Buffer.alloc(10 * MIB));
  const before = process.memoryUsage().arrayBuffers;
  expect(held.length).toBe(10);
  held = undefined;
  collect();
  // The buffers are freed on another thread.
  await waitFor(() => before - process.memoryUsage().arrayBuffers > 80 * MIB);
});
