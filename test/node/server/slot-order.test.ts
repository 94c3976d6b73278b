import fc from "fast-check";
import { expect, test } from "vitest";
import { SlotOrder } from "../../../node/server/slot-order.ts";

interface Request {
  readonly id: number;
  readonly isWrite: boolean;
}

/** Requests come, miss up to so often, and are loaded in any order: how each is executed. */
function execute(requests: readonly { isWrite: boolean; missCount: number }[], choices: readonly number[]): Request[] {
  const order = new SlotOrder<Request>();
  const misses = requests.map(({ missCount }) => missCount);
  const loading: Request[] = [];
  const done: Request[] = [];
  const run = (request: Request): boolean => {
    const isMiss = (misses[request.id] as number) > 0;
    if (isMiss) (misses[request.id] as number)--;
    else done.push(request);
    return !isMiss;
  };
  const load = (request: Request): void => {
    order.begin(request);
    loading.push(request);
  };
  const finish = (index: number): void => {
    const [request] = loading.splice(index, 1) as [Request];
    if (!run(request)) {
      loading.push(request);
      return;
    }
    order.end(request);
    for (let next = order.next(); next !== undefined; next = order.next()) if (!run(next)) load(next);
  };
  requests.forEach(({ isWrite }, id) => {
    const request = { id, isWrite };
    if (order.mustHold(isWrite)) order.hold(request);
    else if (!run(request)) load(request);
    if (loading.length > 0 && (choices[id] ?? 0) % 3 === 0) finish((choices[id] ?? 0) % loading.length);
  });
  for (let i = 0; loading.length > 0; i++) finish((choices[i] ?? 0) % loading.length);
  expect(order.isIdle).toBe(true);
  return done;
}

test("each request is executed once, a write neither overtakes nor is overtaken", () => {
  const request = fc.record({ isWrite: fc.boolean(), missCount: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 15 }), fc.array(fc.nat(), { maxLength: 15 }), (requests, choices) => {
      const done = execute(requests, choices);
      expect(done.map(({ id }) => id).sort((a, b) => a - b)).toEqual(requests.map((_, id) => id));
      done.forEach((one, at) => {
        for (const later of done.slice(at + 1)) {
          if (one.isWrite || later.isWrite) expect(one.id).toBeLessThan(later.id);
        }
      });
    }),
  );
});

test("a read that waits lets other reads pass", () => {
  const read = { isWrite: false };
  expect(
    execute(
      [
        { ...read, missCount: 1 },
        { ...read, missCount: 0 },
      ],
      [1, 1],
    ).map(({ id }) => id),
  ).toEqual([1, 0]);
});
