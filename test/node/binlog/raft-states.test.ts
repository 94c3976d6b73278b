import { expect, test } from "vitest";
import { RaftStates } from "../../../node/binlog/raft-states.ts";
import type { TableId } from "../../../node/meta/ids.ts";

const table = 2 as TableId;

test("the latest state of each slot counts, and a term never goes back", () => {
  const states = new RaftStates();
  states.set({ table, slot: 1, term: 3, vote: 5, commit: 0 });
  states.set({ table, slot: 1, term: 3, vote: 5, commit: 9 });
  states.set({ table, slot: 2, term: 1, vote: 0, commit: 0 });
  expect(states.find(2, 1)).toMatchObject({ term: 3, commit: 9 });
  expect(states.find(1, 1)).toBeUndefined();
  expect(() => states.set({ table, slot: 1, term: 2, vote: 5, commit: 9 })).toThrow("never goes back");
  states.remove(2, 1);
  expect(states.all()).toEqual([{ table, slot: 2, term: 1, vote: 0, commit: 0 }]);
});
