import { expect, test } from "vitest";
import { StartWait } from "../../node/start-wait.ts";

test("says what it waits for until it is finished", async () => {
  const wait = new StartWait(undefined);
  expect(wait.waitingFor).toBe("its start");
  let left = 2;
  const work = Promise.withResolvers<number>();
  const waited = wait.until(() => `${left} replicas`, work.promise);
  expect(wait.waitingFor).toBe("2 replicas");
  left = 1;
  expect(wait.waitingFor).toBe("1 replicas");
  work.resolve(7);
  expect(await waited).toBe(7);
  expect(wait.isDone).toBe(false);
  wait.finish();
  expect([wait.isDone, wait.waitingFor]).toEqual([true, undefined]);
  wait.reopen();
  expect([wait.isDone, wait.waitingFor]).toEqual([false, "its stop"]);
});

test("a stop ends the wait, before and while it lasts; the work's own failure is passed on", async () => {
  const stopping = new AbortController();
  const wait = new StartWait(stopping.signal);
  await expect(wait.until("a failure", Promise.reject(new Error("no")))).rejects.toThrow("no");
  const waited = wait.until("something", new Promise(() => {}));
  stopping.abort();
  await expect(waited).rejects.toMatchObject({ code: "Stopping" });
  await expect(wait.until("something", new Promise(() => {}))).rejects.toMatchObject({ code: "Stopping" });
});
