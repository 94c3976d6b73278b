import fc from "fast-check";
import { expect, it } from "vitest";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { checkCollections } from "../../support/collection-invariants.ts";
import type { Decoded } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

type Model = Map<string, Map<string, number>>;
type Step = (runner: CommandRunner, model: Model) => void;
type Entry = readonly [member: string, score: number];

const key = fc.constantFrom("a", "b", "c");
// Long members, so that some sets pass the inline limit and some do not.
const member = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 50 }).map((n) => `m${n}:${"#".repeat(2 * n)}`) },
  { weight: 1, arbitrary: fc.constantFrom("", "\xff\x00", "x".repeat(200), "y".repeat(3000)) },
);
const members = fc.array(member, { minLength: 1, maxLength: 20, size: "max" });
const score = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, -1e-300, 0.5),
);
const index = fc.integer({ min: -40, max: 40 });

function setOf(model: Model, name: string): Map<string, number> {
  return model.get(name) ?? new Map();
}

function sorted(set: Map<string, number>): Entry[] {
  return [...set].toSorted(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1));
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : value > 0 ? "inf" : "-inf";
}

/** Pairs of a flat reply with scores. */
function paired(reply: unknown): Entry[] {
  const flat = reply as string[];
  return Array.from({ length: flat.length / 2 }, (_, i) => {
    const text = flat[2 * i + 1] as string;
    return [flat[2 * i] as string, Number(text.replace("inf", "Infinity"))];
  });
}

/** What LRANGE-like indexes cut out. */
function slice<T>(all: readonly T[], first: number, last: number): T[] {
  const from = first < 0 ? Math.max(0, all.length + first) : first;
  const to = last < 0 ? all.length + last : last;
  return all.slice(from, Math.max(from, to + 1));
}

function combine(model: Model, how: string, names: readonly string[]): Map<string, number> {
  const sets = names.map((name) => setOf(model, name)).toSorted((a, b) => a.size - b.size);
  if (how === "DIFF") {
    const [first = new Map(), ...others] = names.map((name) => setOf(model, name));
    return new Map([...first].filter(([one]) => !others.some((set) => set.has(one))));
  }
  const result = new Map<string, number>();
  for (const one of new Set(sets.flatMap((set) => [...set.keys()]))) {
    const scores = sets.flatMap((set) => set.get(one) ?? []);
    if (how === "INTER" && scores.length < sets.length) continue;
    result.set(
      one,
      scores.reduce((sum, next) => (Number.isNaN(sum + next) ? 0 : sum + next)),
    );
  }
  return result;
}

const writes: fc.Arbitrary<Step>[] = [
  fc
    .tuple(key, fc.array(fc.tuple(member, score), { minLength: 1, maxLength: 25, size: "max" }))
    .map(([name, added]) => {
      return (runner, model) => {
        const set = setOf(model, name);
        const before = set.size;
        for (const [one, value] of added) set.set(one, value);
        model.set(name, set);
        const args = added.flatMap(([one, value]) => [numberText(value), one]);
        expect(runner.call("ZADD", name, ...args)).toBe(set.size - before);
      };
    }),
  fc.tuple(key, fc.constantFrom("GT", "LT", "NX", "XX"), member, score).map(([name, option, one, value]) => {
    return (runner, model) => {
      const set = setOf(model, name);
      const old = set.get(one);
      const isAllowed =
        option === "NX"
          ? old === undefined
          : old === undefined
            ? option !== "XX"
            : option === "XX" || (option === "GT" ? value > old : value < old);
      const isChange = isAllowed && old !== value;
      if (isChange) model.set(name, set.set(one, value));
      expect(runner.call("ZADD", name, option, "CH", numberText(value), one)).toBe(isChange ? 1 : 0);
    };
  }),
  fc.tuple(key, members).map(([name, removed]) => (runner, model) => {
    const set = setOf(model, name);
    expect(runner.call("ZREM", name, ...removed)).toBe(removed.filter((one) => set.delete(one)).length);
  }),
  fc.tuple(key, index, index).map(([name, first, last]) => (runner, model) => {
    const set = setOf(model, name);
    const removed = slice(sorted(set), first, last);
    for (const [one] of removed) set.delete(one);
    expect(runner.call("ZREMRANGEBYRANK", name, first, last)).toBe(removed.length);
  }),
  fc.tuple(key, score, score).map(([name, min, max]) => (runner, model) => {
    const set = setOf(model, name);
    const removed = sorted(set).filter(([, value]) => value > min && value <= max);
    for (const [one] of removed) set.delete(one);
    const reply = runner.call("ZREMRANGEBYSCORE", name, `(${numberText(min)}`, numberText(max));
    expect(reply).toBe(removed.length);
  }),
  fc.tuple(key, fc.constantFrom("MIN", "MAX"), fc.integer({ min: 0, max: 15 })).map(([name, end, count]) => {
    return (runner, model) => {
      const set = setOf(model, name);
      const all = sorted(set);
      const popped = (end === "MIN" ? all : all.toReversed()).slice(0, count);
      for (const [one] of popped) set.delete(one);
      expect(paired(runner.call(`ZPOP${end}`, name, count))).toEqual(popped);
    };
  }),
  fc
    .tuple(fc.constantFrom("UNION", "INTER", "DIFF"), key, fc.array(key, { minLength: 1, maxLength: 3 }))
    .map(([how, destination, names]) => (runner, model) => {
      const expected = combine(model, how, names);
      const reply = runner.call(`Z${how}`, names.length, ...names, "WITHSCORES");
      expect(paired(reply)).toEqual(sorted(expected));
      if (how === "INTER") expect(runner.call("ZINTERCARD", names.length, ...names)).toBe(expected.size);
      expect(runner.call(`Z${how}STORE`, destination, names.length, ...names)).toBe(expected.size);
      model.set(destination, expected);
    }),
  fc.tuple(key, key, index, index).map(([destination, name, first, last]) => (runner, model) => {
    const stored = slice(sorted(setOf(model, name)), first, last);
    expect(runner.call("ZRANGESTORE", destination, name, first, last)).toBe(stored.length);
    model.set(destination, new Map(stored));
  }),
];

const reads: fc.Arbitrary<Step>[] = [
  fc.tuple(key, index, index, fc.boolean()).map(([name, first, last, isReverse]) => (runner, model) => {
    const all = sorted(setOf(model, name));
    const expected = slice(isReverse ? all.toReversed() : all, first, last);
    const options = isReverse ? ["REV"] : [];
    expect(paired(runner.call("ZRANGE", name, first, last, "WITHSCORES", ...options))).toEqual(expected);
  }),
  fc.tuple(key, score, score, fc.boolean()).map(([name, min, max, isReverse]) => (runner, model) => {
    const found = sorted(setOf(model, name)).filter(([, value]) => value >= min && value < max);
    const bounds = [numberText(min), `(${numberText(max)}`];
    expect(runner.call("ZCOUNT", name, ...bounds)).toBe(found.length);
    const args = isReverse ? [...bounds.toReversed(), "BYSCORE", "REV"] : [...bounds, "BYSCORE"];
    const expected = (isReverse ? found.toReversed() : found).slice(1, 6);
    expect(paired(runner.call("ZRANGE", name, ...args, "LIMIT", 1, 5, "WITHSCORES"))).toEqual(expected);
  }),
  fc.tuple(key, members).map(([name, asked]) => (runner, model) => {
    const set = setOf(model, name);
    const all = sorted(set).map(([one]) => one);
    const scores = asked.map((one) => (set.has(one) ? numberText(set.get(one) as number) : null));
    expect(runner.call("ZCARD", name)).toBe(set.size);
    expect((runner.call("ZMSCORE", name, ...asked) as string[]).map(asShortest)).toEqual(scores);
    for (const one of asked.slice(0, 3)) {
      const rank = all.indexOf(one);
      expect(runner.call("ZRANK", name, one)).toBe(rank < 0 ? null : rank);
      expect(runner.call("ZREVRANK", name, one)).toBe(rank < 0 ? null : all.length - 1 - rank);
    }
  }),
  fc.tuple(key, fc.integer({ min: 1, max: 30 })).map(([name, count]) => (runner, model) => {
    const seen: Entry[] = [];
    let cursor = "0";
    do {
      const [next, elements] = runner.call("ZSCAN", name, cursor, "COUNT", count) as [string, Decoded[]];
      seen.push(...paired(elements));
      cursor = next;
    } while (cursor !== "0");
    expect(new Map(seen)).toEqual(setOf(model, name));
    expect(seen.length).toBe(setOf(model, name).size);
  }),
  fc.tuple(key, fc.integer({ min: -20, max: 60 })).map(([name, count]) => (runner, model) => {
    const set = setOf(model, name);
    const picked = paired(runner.call("ZRANDMEMBER", name, count, "WITHSCORES"));
    expect(picked.length).toBe(set.size === 0 ? 0 : count < 0 ? -count : Math.min(count, set.size));
    for (const [one, value] of picked) expect(set.get(one)).toBe(value);
    if (count >= 0) expect(new Map(picked).size).toBe(picked.length);
  }),
];

/** 17 digits and the shortest text mean the same number. */
function asShortest(text: string | null): string | null {
  return text === null || text.endsWith("inf") ? text : String(Number(text));
}

it("is as a model has it over random commands, warm and with everything missing", () => {
  const run = (sequence: readonly Step[]): void => {
    const runner = new CommandRunner(sortedSetCommands, { check: checkCollections });
    const model: Model = new Map();
    for (const step of sequence) step(runner, model);
  };
  const steps = fc.array(fc.oneof(...writes, ...reads), { minLength: 1, maxLength: 40, size: "max" });
  fc.assert(fc.property(steps, run), { numRuns: 100 });
});

it("has ranges by name as a model has them", () => {
  const bound = fc.oneof(
    fc.constantFrom("-", "+"),
    fc
      .tuple(fc.constantFrom("[", "("), fc.constantFrom("", "m", "m1", "m20:", "m3:######", "m9", "z"))
      .map((two) => two.join("")),
  );
  const isAbove = (one: string, low: string): boolean => {
    const name = low.slice(1);
    return low === "-" || (low !== "+" && (low[0] === "[" ? one >= name : one > name));
  };
  const isBelow = (one: string, high: string): boolean => {
    const name = high.slice(1);
    return high === "+" || (high !== "-" && (high[0] === "[" ? one <= name : one < name));
  };
  const names = fc.array(
    fc.integer({ min: 0, max: 60 }).map((n) => `m${n}:${"#".repeat(n)}`),
    { maxLength: 60 },
  );
  const run = (all: readonly string[], low: string, high: string): void => {
    const runner = new CommandRunner(sortedSetCommands, { check: checkCollections });
    for (const one of all) runner.call("ZADD", "z", "0", one);
    const expected = [...new Set(all)].toSorted().filter((one) => isAbove(one, low) && isBelow(one, high));
    expect(runner.call("ZRANGEBYLEX", "z", low, high)).toEqual(expected);
    expect(runner.call("ZREVRANGEBYLEX", "z", high, low, "LIMIT", 1, 3)).toEqual(expected.toReversed().slice(1, 4));
    expect(runner.call("ZLEXCOUNT", "z", low, high)).toBe(expected.length);
    expect(runner.call("ZREMRANGEBYLEX", "z", low, high)).toBe(expected.length);
    expect(runner.call("ZCARD", "z")).toBe(new Set(all).size - expected.length);
  };
  fc.assert(fc.property(names, bound, bound, run), { numRuns: 100 });
});
