import { describe, expect, test } from "vitest";
import {
  BUDGET_BURST,
  MAX_PAUSE_MS,
  MAX_TRIES,
  type RequestOutcome,
  RetryBudget,
  retryDelayMs,
} from "../../../../operator/kube/core/retry-policy.ts";

const answered = (status: number, retryAfterMs?: number): RequestOutcome => ({
  kind: "answered",
  status,
  retryAfterMs,
});
const delayOf = (outcome: RequestOutcome, isRepeatable: boolean, tries = 1) =>
  retryDelayMs(outcome, { tries, isRepeatable, random: 0 });

describe("a request is sent again", () => {
  test.each([
    ["too many requests", answered(429, 2000), false, 2000],
    ["too many requests, no pause named", answered(429), false, 1000],
    ["unavailable with a pause named: it was not carried out", answered(503, 1000), false, 1000],
    ["an inner error of a request that may be repeated", answered(500), true, 50],
    ["a token that was refused", answered(401), false, 0],
    ["no connection was made", { kind: "unanswered", wasSent: false } as const, false, 50],
    ["no answer to what may be repeated", { kind: "unanswered", wasSent: true } as const, true, 50],
  ])("%s", (_, outcome, isRepeatable, wanted) => {
    expect(delayOf(outcome, isRepeatable)).toBe(wanted);
  });
});

describe("a request is not sent again", () => {
  test.each([
    ["a write whose outcome is unknown", { kind: "unanswered", wasSent: true } as const, false, 1],
    ["an inner error of a write that may not be repeated", answered(500), false, 1],
    ["a conflict", answered(409), true, 1],
    ["gone", answered(410), true, 1],
    ["a token refused twice", answered(401), true, 2],
    ["a pause that a worker must not wait out", answered(429, MAX_PAUSE_MS + 1), true, 1],
    ["after the last try", answered(429, 1), true, MAX_TRIES],
  ])("%s", (_, outcome, isRepeatable, tries) => {
    expect(delayOf(outcome, isRepeatable, tries)).toBeUndefined();
  });
});

test("waits grow from try to try and are spread", () => {
  const waits = [1, 2, 3].map((tries) => delayOf(answered(500), true, tries));
  expect(waits).toEqual([50, 100, 200]);
  expect(retryDelayMs(answered(500), { tries: 1, isRepeatable: true, random: 0.99 })).toBeCloseTo(99.5);
});

test("a server that is down is asked at most a tenth more often, after a burst", () => {
  const budget = new RetryBudget();
  let retries = 0;
  for (let i = 0; i < 1000; i++) {
    budget.deposit();
    while (budget.withdraw()) retries++;
  }
  expect(retries).toBeGreaterThanOrEqual(BUDGET_BURST);
  expect(retries).toBeLessThanOrEqual(BUDGET_BURST + 100);
});
