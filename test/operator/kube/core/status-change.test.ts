import { describe, expect, test } from "vitest";
import { type Condition, isSameStatus, withTransitionTimes } from "../../../../operator/kube/core/status-change.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const ready = (over: Partial<Condition> = {}): Condition => ({
  type: "Ready",
  status: "True",
  reason: "Fine",
  message: "",
  ...over,
});

describe("transition times", () => {
  test("are kept while the status is the same, whatever else changed", () => {
    const before = { conditions: [ready({ lastTransitionTime: "2020-01-01T00:00:00Z" })] };
    const next = withTransitionTimes(before, { conditions: [ready({ reason: "Better" })] }, NOW_MS);
    expect(next.conditions).toEqual([ready({ reason: "Better", lastTransitionTime: "2020-01-01T00:00:00Z" })]);
  });

  test("are now, in whole seconds, for a new condition and a new status", () => {
    const before = { conditions: [ready({ lastTransitionTime: "2020-01-01T00:00:00Z" })] };
    const next = withTransitionTimes(
      before,
      { conditions: [ready({ status: "False" }), ready({ type: "Available" })] },
      NOW_MS,
    );
    expect(next.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).toEqual([
      ["Available", "2026-01-02T03:04:05Z"],
      ["Ready", "2026-01-02T03:04:05Z"],
    ]);
  });

  test("a status without conditions stays so", () => {
    expect(withTransitionTimes(undefined, { replicas: 1 } as object, NOW_MS)).toEqual({ replicas: 1 });
  });
});

describe("a status says the same", () => {
  test("in another order, with absent for null", () => {
    const a = {
      conditions: [ready(), ready({ type: "Available" })],
      epoch: null,
      zones: [{ name: "a", x: undefined }],
    };
    const b = { conditions: [ready({ type: "Available" }), ready()], zones: [{ name: "a" }] };
    expect(isSameStatus(a, b)).toBe(true);
    expect(isSameStatus(undefined, {})).toBe(true);
  });

  test("not with a field less, a field more or another value", () => {
    const status = { conditions: [ready()], nodes: { ready: 1 } };
    expect(isSameStatus(status, { conditions: [ready()] })).toBe(false);
    expect(isSameStatus({ conditions: [ready()] }, status)).toBe(false);
    expect(isSameStatus(status, { ...status, conditions: [ready({ message: "new" })] })).toBe(false);
    expect(isSameStatus(status, { ...status, conditions: [] })).toBe(false);
  });
});
