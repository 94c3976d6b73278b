import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedQueue } from "../../../node/base/bounded-queue.ts";

test("behaves as an array with limits", () => {
  const step = fc.oneof(fc.record({ push: fc.nat(50) }), fc.constant("shift" as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
      const queue = new BoundedQueue<number>({ maxCount: 1500, maxWeight: 20_000 });
      const model: number[] = [];
      for (const next of steps) {
        if (next === "shift") {
          expect(queue.peek()).toBe(model[0]);
          expect(queue.shift()).toBe(model.shift());
        } else {
          const total = model.reduce((sum, weight) => sum + weight, 0);
          const fits = model.length < 1500 && (model.length === 0 || total + next.push <= 20_000);
          expect(queue.push(next.push, next.push)).toBe(fits);
          if (fits) model.push(next.push);
        }
        expect(queue.count).toBe(model.length);
        expect(queue.weight).toBe(model.reduce((sum, weight) => sum + weight, 0));
      }
    }),
    { numRuns: 30 },
  );
});

test("an empty queue takes an item over the weight limit, and clear empties it", () => {
  const queue = new BoundedQueue<string>({ maxCount: 2, maxWeight: 10 });
  expect(queue.push("big", 1000)).toBe(true);
  expect(queue.push("small", 1)).toBe(false);
  queue.clear();
  expect([queue.count, queue.weight, queue.shift()]).toEqual([0, 0, undefined]);
});
