import { expect, test } from "vitest";
import { BURST, EventSeries, MAX_SERIES } from "../../../../operator/kube/core/event-series.ts";

const MINUTE = 60_000;

test("the first is told, repetitions as a series that is told less and less often", () => {
  const series = new EventSeries();
  expect(series.judge("o", "k", 0)).toEqual({ kind: "create" });
  series.created("k", "name");
  const told: number[] = [];
  for (let minute = 1; minute <= 100; minute++) {
    const verdict = series.judge("o", "k", minute * MINUTE);
    if (verdict.kind !== "drop") told.push(minute);
  }
  expect(told).toEqual([1, 3, 7, 15, 31, 63]);
});

test("a series counts what it did not tell", () => {
  const series = new EventSeries();
  series.judge("o", "k", 0);
  series.created("k", "name");
  for (let second = 1; second < 60; second++) expect(series.judge("o", "k", second * 1000).kind).toBe("drop");
  expect(series.judge("o", "k", MINUTE)).toEqual({ kind: "update", name: "name", count: 61 });
});

test("after half an hour of silence, or when it was lost, it is a new one", () => {
  const series = new EventSeries();
  series.judge("o", "k", 0);
  expect(series.judge("o", "k", 31 * MINUTE).kind).toBe("create");
  series.forget("k");
  expect(series.judge("o", "k", 31 * MINUTE).kind).toBe("create");
});

test("an object has a burst, then one in five minutes; others are not touched by it", () => {
  const series = new EventSeries();
  const created = (uid: string, nowMs: number, from: number) =>
    Array.from({ length: 100 }, (_, i) => series.judge(uid, `${uid}${from + i}`, nowMs)).filter(
      ({ kind }) => kind === "create",
    ).length;
  expect(created("o", 0, 0)).toBe(BURST);
  expect(created("o", 10 * MINUTE, 100)).toBe(2);
  expect(created("p", 0, 0)).toBe(BURST);
});

test("it remembers a limited number", () => {
  const series = new EventSeries();
  for (let i = 0; i <= MAX_SERIES; i++) expect(series.judge(`o${i}`, `k${i}`, 0).kind).toBe("create");
  expect(series.judge("x", "k0", 0).kind).toBe("create");
  expect(series.judge("x", `k${MAX_SERIES}`, 0).kind).toBe("drop");
});
