import { expect, test } from "vitest";
import { PageBuffers } from "../../../node/engine/page-buffers.ts";

test("buffers of one transaction are apart, and the next transaction has the same ones", () => {
  const buffers = new PageBuffers();
  const first = Array.from({ length: 100 }, () => buffers.take(3000));
  expect(new Set(first.map((buffer) => buffer.buffer)).size).toBe(100);
  for (const buffer of first) expect(buffer.length).toBeGreaterThanOrEqual(3000);
  buffers.giveBackAll();
  expect(buffers.take(10)).toBe(first[0]);
  expect(buffers.take(10_000).length).toBe(10_000);
});
