import { describe, expect, test } from "vitest";
import { DisposableStore, type Service, startAll, stopAll } from "../../../node/base/lifecycle.ts";

const recorder = () => {
  const events: string[] = [];
  const service = (name: string, failure?: "start" | "stop"): Service => ({
    start: async () => {
      if (failure === "start") throw new Error(`${name} will not start`);
      events.push(`+${name}`);
    },
    stop: async () => {
      events.push(`-${name}`);
      if (failure === "stop") throw new Error(`${name} will not stop`);
    },
  });
  return { events, service };
};

describe("services", () => {
  test("those already started are stopped in reverse when one fails", async () => {
    const { events, service } = recorder();
    const all = [service("a"), service("b"), service("c", "start"), service("d")];
    await expect(startAll(all)).rejects.toThrow("c will not start");
    expect(events).toEqual(["+a", "+b", "-b", "-a"]);
  });

  test("all are stopped even if one fails, and the failure is told", async () => {
    const { events, service } = recorder();
    await expect(stopAll([service("a"), service("b", "stop"), service("c")])).rejects.toThrow("b will not stop");
    expect(events).toEqual(["-c", "-b", "-a"]);
  });
});

test("a DisposableStore releases in reverse order, once, and late comers at once", () => {
  const released: number[] = [];
  const store = new DisposableStore();
  for (const n of [1, 2, 3]) store.defer(() => released.push(n));
  store.release();
  store.release();
  store.defer(() => released.push(4));
  expect(released).toEqual([3, 2, 1, 4]);
});
