import { expect, test } from "vitest";
import { Prng } from "../../../node/base/prng.ts";
import { DirtyList, orderByKey } from "../../../node/engine/dirty-list.ts";

test("a list grows, and is ordered by its sort keys, then by position", () => {
  const list = new DirtyList();
  const keys = [7, 2 ** 33 - 1, 0, 7, ...Array.from({ length: 40 }, (_, i) => 100 - i)];
  expect(keys.map((key, i) => list.add(i + 1, key))).toEqual(keys.map((_, i) => i));
  const order = [...list.order()];
  expect(order.slice(0, 3)).toEqual([2, 0, 3]);
  expect(order.at(-1)).toBe(1);
  expect(order.map((position) => keys[position])).toEqual([...keys].sort((a, b) => a - b));
});

test("more entries than can be sorted quickly are sorted all the same", () => {
  const random = new Prng(1);
  const keys = Float64Array.from({ length: (1 << 20) + 5 }, () => random.nextUint32());
  const order = orderByKey(keys, keys.length);
  expect(new Set(order).size).toBe(keys.length);
  for (let i = 1; i < order.length; i++) {
    if ((keys[order[i - 1] as number] as number) > (keys[order[i] as number] as number)) throw new Error(`at ${i}`);
  }
});
