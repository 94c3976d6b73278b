import { expect, test } from "vitest";
import { DurableIndex } from "../../../node/shard/durable-index.ts";

const at = (offset: number) => ({ segment: 1, offset });

test("an index is durable once the log is up to the place it was written at", () => {
  const durable = new DurableIndex(5);
  durable.written(at(100), 8);
  durable.written(at(200), 9);
  expect(durable.at(at(99))).toBe(5);
  expect(durable.at(at(100))).toBe(8);
  expect(durable.at(at(100))).toBe(8);
  expect(durable.at(at(500))).toBe(9);
});

test("many turns without a sync are taken together", () => {
  const durable = new DurableIndex(0);
  for (let i = 1; i <= 1000; i++) durable.written(at(i), i);
  expect(durable.at(at(63))).toBe(63);
  expect(durable.at(at(999))).toBe(63);
  expect(durable.at(at(1000))).toBe(1000);
});

test("what was cut is not durable", () => {
  const durable = new DurableIndex(5);
  durable.written(at(100), 8);
  durable.reset(3);
  expect(durable.at(at(500))).toBe(3);
});
