import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { dataCommands } from "../../../node/commands/registry.ts";
import { slotOf } from "../../../node/meta/slot.ts";
import {
  CommandPlan,
  keyPositions,
  LONG_KEY,
  NO_KEYS,
  SEVERAL_SLOTS,
  UNCLEAR_KEYS,
} from "../../../node/server/command-plan.ts";

const SLOTS = 64;

function planOf(name: string): CommandPlan {
  const command = dataCommands.find((each) => each.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return new CommandPlan(command);
}

function slotOfKeys(...parts: string[]): number {
  return planOf(parts[0] as string).slotOfKeys(Argv.of(...parts), SLOTS);
}

test("the slot of the keys, or why there is none", () => {
  const slotOfA = slotOf(Buffer.from("a"), 0, 1, SLOTS);
  expect(slotOfKeys("get", "a")).toBe(slotOfA);
  expect(slotOfKeys("mget", "{a}1", "{a}2")).toBe(slotOfA);
  expect(slotOfKeys("mget", "a", "b", "c", "d")).toBe(SEVERAL_SLOTS);
  expect(slotOfKeys("dbsize")).toBe(NO_KEYS);
});

test("a key of MSET without its value makes no sense, whatever an earlier command left in the arguments", () => {
  expect(slotOfKeys("mset", "a", "1", "b")).toBe(UNCLEAR_KEYS);
  const argv = Argv.of("mset", "a", "1", "b", "2");
  expect(keyPositions(planOf("mset").command, argv)).toEqual([1, 3]);
  argv.count = 4;
  expect(keyPositions(planOf("mset").command, argv)).toBeUndefined();
});

test("a key that no record can have is refused, in any place", () => {
  const longest = "k".repeat(65_535);
  expect(slotOfKeys("get", longest)).toBeGreaterThanOrEqual(0);
  expect(slotOfKeys("get", `${longest}k`)).toBe(LONG_KEY);
  expect(slotOfKeys("del", "a", `${longest}k`)).toBe(LONG_KEY);
  expect(slotOfKeys("rename", "a", `${longest}k`)).toBe(LONG_KEY);
  expect(planOf("get").slotOfKeys(Argv.of("get", `${longest}k`), 1)).toBe(LONG_KEY);
});
