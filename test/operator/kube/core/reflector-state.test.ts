import { describe, expect, test } from "vitest";
import {
  HEALTHY_WATCH_MS,
  MAX_STALE_LISTS,
  RELIST_MS,
  ReflectorState,
} from "../../../../operator/kube/core/reflector-state.ts";

const failure = (status: number, retryAfterMs?: number) => ({ status, retryAfterMs });

/** A state that listed at 0 and watches since. */
function watching(): ReflectorState {
  const state = new ReflectorState();
  state.next(0, 0);
  state.listed("100", 0);
  state.next(0, 0);
  state.watchOpened(0);
  return state;
}

function fail(
  state: ReflectorState,
  status: number,
  { nowMs = 0, retryAfterMs = undefined as number | undefined } = {},
) {
  const step = state.next(nowMs, 0);
  state.failed(failure(status, retryAfterMs), step);
  return step;
}

test("it lists at once, streamed where it can be, and watches from the list's version", () => {
  const state = new ReflectorState();
  expect(state.next(0, 0)).toEqual({ kind: "streamList", delayMs: 0 });
  state.listed("100", 0);
  expect(state.next(0, 0)).toEqual({ kind: "watch", resourceVersion: "100", delayMs: 0 });
});

test.each([400, 422, 500])("a server that does not stream lists (%d) is asked for pages at once", (status) => {
  const state = new ReflectorState();
  state.failed(failure(status), state.next(0, 0));
  expect(state.next(0, 0)).toEqual({ kind: "list", isPaged: true, delayMs: 0 });
});

test.each([401, 403, 404, 429, 503, 0])("status %d says nothing about streaming", (status) => {
  const state = new ReflectorState();
  state.failed(failure(status), state.next(0, 0));
  expect(state.next(0, 0).kind).toBe("streamList");
});

test("a watch that ended is opened again at once from the newest version seen", () => {
  const state = watching();
  state.progressed("120", 1000);
  state.progressed("110", 1001);
  state.watchEnded(300_000);
  expect(state.next(300_000, 0)).toEqual({ kind: "watch", resourceVersion: "120", delayMs: 0 });
});

test("a link that breaks costs no list; waits grow up to half a minute", () => {
  const state = watching();
  const waits = Array.from({ length: 12 }, () => {
    const step = fail(state, 0, { nowMs: 1000 });
    expect(step).toMatchObject({ kind: "watch", resourceVersion: "100" });
    return step.delayMs;
  });
  expect(waits.slice(0, 4)).toEqual([0, 250, 500, 1000]);
  expect(waits.at(-1)).toBe(15_000);
});

test("watches that end as soon as they are open are spaced", () => {
  const state = watching();
  const waits = Array.from({ length: 4 }, (_, at) => {
    state.watchOpened(at);
    state.watchEnded(at);
    return state.next(at, 0).delayMs;
  });
  expect(waits).toEqual([250, 500, 1000, 2000]);
});

test("a version that is gone is listed again; again and again, further and further apart", () => {
  const state = watching();
  let nowMs = 0;
  const waits: number[] = [];
  for (let i = 0; i < 10; i++) {
    state.failed(failure(410), { kind: "watch", resourceVersion: "100", delayMs: 0 });
    const step = state.next(nowMs, 0);
    expect(step.kind).toBe("streamList");
    waits.push(step.delayMs);
    nowMs += step.delayMs;
    state.listed(String(100 + i), nowMs);
    expect(state.next(nowMs, 0).kind).toBe("watch");
    state.watchOpened(nowMs);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
});

test("after a good watch the next list need not wait", () => {
  const state = watching();
  state.progressed("200", HEALTHY_WATCH_MS);
  state.failed(failure(410), { kind: "watch", resourceVersion: "200", delayMs: 0 });
  expect(state.next(HEALTHY_WATCH_MS, 0)).toEqual({ kind: "streamList", delayMs: 0 });
});

test("pages that expire in the middle are asked for all at once", () => {
  const state = new ReflectorState();
  state.streamRefused();
  state.failed(failure(410), state.next(0, 0));
  expect(state.next(0, 0)).toMatchObject({ kind: "list", isPaged: false });
  state.listed("100", 0);
  state.failed(failure(410), { kind: "watch", resourceVersion: "100", delayMs: 0 });
  expect(state.next(0, 0)).toMatchObject({ kind: "list", isPaged: true });
});

test("a pause that the server asks for is kept, once", () => {
  const state = watching();
  fail(state, 429, { retryAfterMs: 7000 });
  expect(fail(state, 500).delayMs).toBe(7000);
  expect(state.next(0, 0).delayMs).toBeLessThan(7000);
});

describe("lists that are older than what was seen", () => {
  test("are refused, and believed after some", () => {
    const state = watching();
    for (let i = 0; i < MAX_STALE_LISTS; i++) expect(state.judgeList("99")).toBe("refuse");
    expect(state.judgeList("99")).toBe("rollback");
    state.listed("99", 0);
    expect(state.next(0, 0)).toMatchObject({ kind: "watch", resourceVersion: "99" });
    expect(state.judgeList("98")).toBe("refuse");
  });

  test("as new or newer ones are taken", () => {
    expect(watching().judgeList("100")).toBe("take");
    expect(watching().judgeList("1000")).toBe("take");
  });
});

test("a server that does not get to our version is asked for a list", () => {
  const state = watching();
  const kinds = Array.from({ length: 4 }, () => fail(state, 504).kind);
  expect(kinds).toEqual(["watch", "watch", "watch", "streamList"]);
});

test("all is listed again now and then, when a watch ended politely", () => {
  const state = watching();
  state.watchEnded(RELIST_MS / 2);
  expect(state.next(RELIST_MS / 2, 0).kind).toBe("watch");
  state.failed(failure(0), { kind: "watch", resourceVersion: "100", delayMs: 0 });
  expect(state.next(RELIST_MS + 1, 0).kind).toBe("watch");
  state.watchEnded(RELIST_MS + 1);
  expect(state.next(RELIST_MS + 1, 0).kind).toBe("streamList");
});
