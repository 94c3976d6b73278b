import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SystemClock } from "../../../node/base/clock.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a delay longer than Node's longest timeout is waited for, and can be cancelled in its second step", () => {
  const clock = new SystemClock();
  const longMs = 2 ** 32 + 5;
  let runCount = 0;
  clock.after(longMs, () => runCount++);
  const cancelled = clock.after(longMs, () => runCount++);
  vi.advanceTimersByTime(longMs - 1);
  expect(runCount).toBe(0);
  cancelled.cancel();
  vi.advanceTimersByTime(1);
  expect(runCount).toBe(1);
  vi.runAllTimers();
  expect(runCount).toBe(1);
});
