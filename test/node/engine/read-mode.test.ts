import { expect, test } from "vitest";
import { FIRST_READ_MODE, nextReadMode, type ReadMode } from "../../../node/engine/read-mode.ts";

function after(mode: ReadMode, sampleUs: number, count: number): ReadMode {
  let next = mode;
  for (let i = 0; i < count; i++) next = nextReadMode(next, sampleUs);
  return next;
}

test("fast reads stay synchronous, slow ones go to the pool, and come back only when clearly fast", () => {
  const fast = after(FIRST_READ_MODE, 6, 1000);
  expect(fast.isAsynchronous).toBe(false);
  const slow = after(fast, 1000, 10);
  expect(slow.isAsynchronous).toBe(true);
  expect(after(slow, 150, 1000).isAsynchronous).toBe(true);
  expect(after(FIRST_READ_MODE, 150, 1000).isAsynchronous).toBe(false);
  expect(after(slow, 20, 100).isAsynchronous).toBe(false);
});

test("three reads that took very long change nothing", () => {
  expect(after(after(FIRST_READ_MODE, 6, 100), 50_000, 3).isAsynchronous).toBe(false);
});
