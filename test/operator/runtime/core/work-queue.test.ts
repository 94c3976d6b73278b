import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Priority, WorkQueue } from "../../../../operator/runtime/core/work-queue.ts";

const queue = () => new WorkQueue({ initialMs: 100, maxMs: 10_000 });
const edit = { priority: "edit" } as const;

describe("a key", () => {
  test("is there once, however often it is added", () => {
    const keys = queue();
    for (let i = 0; i < 3; i++) keys.add("a", edit, 0);
    expect(keys.count).toBe(1);
    expect(keys.take(5)).toEqual({ key: "a", waitedMs: 5 });
    expect(keys.take(5)).toBeUndefined();
  });

  test("added while it is worked on comes again afterwards, not before", () => {
    const keys = queue();
    keys.add("a", edit, 0);
    keys.take(0);
    keys.add("a", edit, 1);
    expect(keys.take(2)).toBeUndefined();
    keys.succeed("a");
    expect(keys.take(3)?.key).toBe("a");
  });

  test("that is delayed comes at its time; the earlier time counts", () => {
    const keys = queue();
    keys.add("a", { priority: "change", delayMs: 500 }, 0);
    keys.add("a", { priority: "change", delayMs: 100 }, 0);
    keys.add("a", { priority: "change", delayMs: 900 }, 0);
    expect(keys.nextDueMs()).toBe(100);
    expect(keys.take(99)).toBeUndefined();
    expect(keys.take(100)?.key).toBe("a");
  });
});

describe("a failure", () => {
  test("comes again later each time, until it succeeds", () => {
    const keys = queue();
    const waits: number[] = [];
    let nowMs = 0;
    keys.add("a", edit, 0);
    for (let i = 0; i < 9; i++) {
      keys.take(nowMs);
      const waitMs = keys.fail("a", nowMs, 0);
      waits.push(waitMs);
      nowMs += waitMs;
    }
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    keys.take(nowMs);
    keys.succeed("a");
    keys.add("a", edit, nowMs);
    keys.take(nowMs);
    expect(keys.fail("a", nowMs, 0)).toBe(50);
  });

  test("is not hurried by what it changed itself, but by an edit, during the work or after it", () => {
    const keys = queue();
    keys.add("a", edit, 0);
    keys.take(0);
    keys.add("a", { priority: "change" }, 0);
    expect(keys.fail("a", 0, 0)).toBe(50);
    expect(keys.take(10)).toBeUndefined();
    keys.add("a", edit, 20);
    expect(keys.take(20)?.key).toBe("a");
    keys.add("a", edit, 21);
    keys.fail("a", 22, 0);
    expect(keys.take(22)?.key).toBe("a");
  });
});

describe("order", () => {
  test("an edit is before changes before looking at everything", () => {
    const keys = queue();
    keys.add("resync", { priority: "resync" }, 0);
    keys.add("change", { priority: "change" }, 0);
    keys.add("edit", edit, 0);
    expect([keys.take(0)?.key, keys.take(0)?.key, keys.take(0)?.key]).toEqual(["edit", "change", "resync"]);
  });

  test("nothing waits for ever behind more urgent ones", () => {
    const keys = queue();
    keys.add("resync", { priority: "resync" }, 0);
    let takenAtMs: number | undefined;
    for (let nowMs = 0; nowMs < 60_000 && takenAtMs === undefined; nowMs += 100) {
      keys.add(`edit${nowMs}`, edit, nowMs);
      if (keys.take(nowMs)?.key === "resync") takenAtMs = nowMs;
    }
    expect(takenAtMs).toBeLessThanOrEqual(31_000);
  });

  test("a key that is added with a higher priority rises", () => {
    const keys = queue();
    keys.add("a", { priority: "resync" }, 0);
    keys.add("b", { priority: "change" }, 0);
    keys.add("a", edit, 10);
    expect(keys.take(10)?.key).toBe("a");
  });
});

test("no key is lost, none is taken twice at once", () => {
  const command = fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      key: fc.constantFrom("a", "b", "c", "d"),
      priority: fc.constantFrom<Priority>("edit", "change", "resync"),
      delayMs: fc.nat({ max: 300 }),
    }),
    fc.record({ kind: fc.constantFrom("take" as const, "succeed" as const, "fail" as const) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const keys = queue();
      const open: string[] = [];
      const owed = new Set<string>();
      let nowMs = 0;
      for (const step of commands) {
        nowMs += 37;
        if (step.kind === "add") {
          keys.add(step.key, { priority: step.priority, delayMs: step.delayMs }, nowMs);
          owed.add(step.key);
        } else if (step.kind === "take") {
          const taken = keys.take(nowMs);
          if (!taken) continue;
          expect(open).not.toContain(taken.key);
          open.push(taken.key);
          owed.delete(taken.key);
        } else {
          const key = open.shift();
          if (key === undefined) continue;
          if (step.kind === "succeed") keys.succeed(key);
          else owed.add(key) && keys.fail(key, nowMs, 0.5);
        }
      }
      for (const key of open) keys.succeed(key);
      const left = new Set<string>();
      for (let taken = keys.take(1e9); taken; taken = keys.take(1e9)) left.add(taken.key);
      expect(left).toEqual(owed);
    }),
  );
});
