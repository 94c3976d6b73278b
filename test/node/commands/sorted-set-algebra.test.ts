import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { setCommands } from "../../../node/commands/sets.ts";
import { sortedSetAlgebraCommands } from "../../../node/commands/sorted-set-algebra.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { CommandRunner } from "../../support/run-command.ts";

const AGGREGATES: Readonly<Record<string, (a: number, b: number) => number>> = {
  SUM: (a, b) => a + b,
  MIN: (a, b) => Math.min(a, b),
  MAX: (a, b) => Math.max(a, b),
};

it("weighs and aggregates as a model does, over sorted sets and sets", () => {
  const member = fc.integer({ min: 0, max: 80 }).map((n) => `member:${n}:${"#".repeat(n)}`);
  const score = fc.integer({ min: -100, max: 100 });
  const source = fc.record({
    entries: fc.array(fc.tuple(member, score), { minLength: 1, maxLength: 60, size: "max" }),
    isPlainSet: fc.boolean(),
    weight: fc.integer({ min: -3, max: 3 }),
  });
  const sources = fc.array(source, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(sources, fc.constantFrom("SUM", "MIN", "MAX"), fc.boolean(), (all, aggregate, isUnion) => {
      const runner = new CommandRunner([...sortedSetCommands, ...setCommands]);
      const weighted = all.map(({ entries, isPlainSet, weight }, i) => {
        if (isPlainSet) runner.call("SADD", `k${i}`, ...entries.map(([name]) => name));
        else runner.call("ZADD", `k${i}`, ...entries.flatMap(([name, value]) => [value, name]));
        return new Map(entries.map(([name, value]) => [name, weight * (isPlainSet ? 1 : value)]));
      });
      const expected = new Map<string, number>();
      for (const name of new Set(weighted.flatMap((scores) => [...scores.keys()]))) {
        const scores = weighted.flatMap((of) => of.get(name) ?? []);
        if (!isUnion && scores.length < weighted.length) continue;
        expected.set(name, scores.reduce(AGGREGATES[aggregate] as (a: number, b: number) => number) + 0);
      }
      const args = [all.length, ...all.map((_, i) => `k${i}`), "WEIGHTS", ...all.map(({ weight }) => weight)];
      const name = isUnion ? "ZUNION" : "ZINTER";
      const flat = runner.call(name, ...args, "AGGREGATE", aggregate, "WITHSCORES") as string[];
      const replied = Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], Number(flat[2 * i + 1]) + 0]);
      expect(new Map(replied as [string, number][])).toEqual(expected);
      const ordered = replied.toSorted(([a = "", x = 0], [b = "", y = 0]) => Number(x) - Number(y) || (a < b ? -1 : 1));
      expect(replied).toEqual(ordered);
      expect(runner.call(`${name}STORE`, "result", ...args, "AGGREGATE", aggregate)).toBe(expected.size);
      expect(runner.call("ZRANGE", "result", 0, -1)).toEqual(replied.map(([one]) => one));
    }),
    { numRuns: 60 },
  );
});

it.each([
  ["ZUNION 2 a b WITHSCORES", ["x", "0"]],
  ["ZINTER 2 a b WITHSCORES", ["x", "0"]],
  ["ZUNION 2 a c WEIGHTS 0 1 WITHSCORES", ["x", "5"]],
  ["ZINTER 2 c a WEIGHTS 1 0 WITHSCORES", ["x", "0"]],
  ["ZINTER 2 c a WEIGHTS 1 0 AGGREGATE MAX WITHSCORES", ["x", "5"]],
])("makes 0 of what is no number, as Redis does: %s", (line, reply) => {
  const runner = new CommandRunner(sortedSetCommands);
  runner.call("ZADD", "a", "inf", "x");
  runner.call("ZADD", "b", "-inf", "x");
  runner.call("ZADD", "c", "5", "x");
  const [name = "", ...args] = line.split(" ");
  expect(runner.call(name, ...args)).toEqual(reply);
});

it("tells where the keys are, the destination first", () => {
  const keysOf = (name: string, ...args: string[]) => {
    const keys = sortedSetAlgebraCommands.find((command) => command.name === name)?.keys;
    return keys?.kind === "find" ? keys.find(Argv.of(name, ...args)) : undefined;
  };
  expect(keysOf("zunion", "2", "a", "b", "WITHSCORES")).toEqual([2, 3]);
  expect(keysOf("zinterstore", "d", "2", "a", "b")).toEqual([1, 3, 4]);
  expect(keysOf("zdiffstore", "d", "9", "a")).toBeUndefined();
});
