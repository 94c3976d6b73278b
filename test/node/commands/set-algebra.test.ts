import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { setAlgebraCommands } from "../../../node/commands/set-algebra.ts";
import { setCommands } from "../../../node/commands/sets.ts";
import { CommandRunner } from "../../support/run-command.ts";

const member = fc.integer({ min: 0, max: 150 }).map((n) => `member:${n}`);
const sets = fc.array(fc.array(member, { maxLength: 200, size: "max" }), { minLength: 1, maxLength: 12, size: "max" });

it("merges many sets, inline and as trees, in the same order of (hash, member) as one", () => {
  fc.assert(
    fc.property(sets, (all) => {
      const runner = new CommandRunner(setCommands, { compareMisses: false });
      const names = all.map((members, i) => {
        if (members.length > 0) runner.call("SADD", `k${i}`, ...members);
        return `k${i}`;
      });
      const [first = new Set<string>(), ...others] = all.map((members) => new Set(members));
      const expected = {
        SUNION: others.reduce((sum, other) => sum.union(other), first),
        SINTER: others.reduce((sum, other) => sum.intersection(other), first),
        SDIFF: others.reduce((sum, other) => sum.difference(other), first),
      };
      for (const [name, members] of Object.entries(expected)) {
        const replied = runner.call(name, ...names) as string[];
        expect(replied.toSorted()).toEqual([...members].toSorted());
        expect(runner.call(`${name}STORE`, "result", ...names)).toBe(members.size);
        expect(runner.call("SMEMBERS", "result")).toEqual(replied);
      }
    }),
    { numRuns: 30 },
  );
});

it("counts no further than the limit", () => {
  const runner = new CommandRunner(setCommands);
  const members = Array.from({ length: 500 }, (_, i) => `member:${i}`);
  runner.call("SADD", "a", ...members);
  runner.call("SADD", "b", ...members);
  runner.tx.readCount = 0;
  expect(runner.call("SINTERCARD", 2, "a", "b", "LIMIT", 7)).toBe(7);
  const readsOfSeven = runner.tx.readCount;
  expect(runner.call("SINTERCARD", 2, "a", "b")).toBe(500);
  expect(readsOfSeven).toBeLessThan(runner.tx.readCount);
});

it("tells where the keys of SINTERCARD are, or nothing where the count is wrong", () => {
  const keys = setAlgebraCommands.find(({ name }) => name === "sintercard")?.keys;
  const find = (...args: string[]) => (keys?.kind === "find" ? keys.find(Argv.of("sintercard", ...args)) : []);
  expect(find("2", "a", "b", "LIMIT", "1")).toEqual([2, 3]);
  expect(find("3", "a", "b")).toBeUndefined();
  expect(find("0", "a")).toBeUndefined();
  expect(find("x", "a")).toBeUndefined();
});
