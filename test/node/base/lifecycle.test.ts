import { expect, test } from "vitest";
import { type Service, stopAll } from "../../../node/base/lifecycle.ts";

const recorder = () => {
  const events: string[] = [];
  const service = (name: string, failure?: "stop"): Service => ({
    start: async () => void events.push(`+${name}`),
    stop: async () => {
      events.push(`-${name}`);
      if (failure === "stop") throw new Error(`${name} will not stop`);
    },
  });
  return { events, service };
};

test("all services are stopped in reverse even if one fails, and the failure is told", async () => {
  const { events, service } = recorder();
  await expect(stopAll([service("a"), service("b", "stop"), service("c")])).rejects.toThrow("b will not stop");
  expect(events).toEqual(["-c", "-b", "-a"]);
});
