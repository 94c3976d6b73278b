import { expect, test } from "vitest";
import { findHanging, findUnsynced, HANG_MS } from "../../../operator/runtime/health.ts";

test("a cache hangs when nothing at all happened for long, not when its server refuses", () => {
  const cache = { name: "pods", hasSynced: false, lastStepMs: 1000, lastError: "no rights" };
  expect(findHanging([cache], 1000 + HANG_MS)).toEqual([]);
  expect(findHanging([cache], 1001 + HANG_MS)).toEqual(["pods: nothing happened for 600 s"]);
  expect(findUnsynced([cache, { ...cache, hasSynced: true }])).toEqual(["pods: not listed yet (no rights)"]);
});
