import { expect, it } from "vitest";
import { Gate } from "../../../node/replication/gate.ts";
import { settle } from "../../support/virtual-clock.ts";

it("runs no more than its limit at once, in order, and goes on after a failure", async () => {
  const gate = new Gate(2);
  const finish: (() => void)[] = [];
  const started: number[] = [];
  const task = (number: number, fails: boolean) => async () => {
    started.push(number);
    await new Promise<void>((resolve) => finish.push(resolve));
    if (fails) throw new Error("a test");
    return number;
  };
  const results = [1, 2, 3, 4].map((number) => gate.run(task(number, number === 1)));
  const outcomes = Promise.allSettled(results);
  for (const expected of [
    [1, 2],
    [1, 2, 3],
    [1, 2, 3, 4],
  ]) {
    await settle();
    expect(started).toEqual(expected);
    finish.shift()?.();
  }
  for (const rest of finish) rest();
  expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
});
