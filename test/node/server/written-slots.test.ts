import { expect, test } from "vitest";
import { tableId } from "../../../node/meta/ids.ts";
import { WrittenSlots } from "../../../node/server/written-slots.ts";

const [ONE, TWO] = [tableId(1), tableId(2)];

test("keeps the slots of one table, and the whole table beyond a few", () => {
  const written = new WrittenSlots();
  expect(written.of(ONE)).toBeUndefined();
  for (const slot of [3, 3, 5, 3]) written.note(ONE, slot);
  expect(written.of(ONE)).toEqual(new Set([3, 5]));
  expect(written.of(TWO)).toBeUndefined();
  written.note(TWO, 3);
  expect([written.of(ONE), written.of(TWO)]).toEqual([undefined, new Set([3])]);
  for (let slot = 0; slot < 1000; slot++) written.note(TWO, slot);
  expect(written.of(TWO)).toBeUndefined();
  written.note(TWO, 3);
  expect(written.of(TWO)).toBeUndefined();
  written.note(ONE, 7);
  expect(written.of(ONE)).toEqual(new Set([7]));
  written.noteAll(ONE);
  expect(written.of(ONE)).toBeUndefined();
});
