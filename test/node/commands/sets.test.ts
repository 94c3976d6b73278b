import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { setCommands } from "../../../node/commands/sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { checkCollections } from "../../support/collection-invariants.ts";
import type { Decoded } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/** Lines of commands, each with its exact reply. */
function expectReplies(protocol: 2 | 3, lines: readonly [command: string, reply: string][]): void {
  const runner = new CommandRunner([...setCommands, ...stringCommands]);
  runner.protocol = protocol;
  for (const [line, reply] of lines) {
    const [name = "", ...args] = line.split(" ");
    expect(`${line} → ${runner.callRaw(name, ...args)}`).toBe(`${line} → ${reply}`);
  }
}

it("answers as Redis 7.0 does in RESP2", () => {
  expectReplies(2, [
    ["SADD s a a", ":1\r\n"],
    ["SADD s a", ":0\r\n"],
    ["SISMEMBER s a", ":1\r\n"],
    ["SISMEMBER s b", ":0\r\n"],
    ["SMISMEMBER s a b", "*2\r\n:1\r\n:0\r\n"],
    ["SMISMEMBER none a", "*1\r\n:0\r\n"],
    ["SCARD s", ":1\r\n"],
    ["SCARD none", ":0\r\n"],
    ["SMEMBERS s", "*1\r\n$1\r\na\r\n"],
    ["SMEMBERS none", "*0\r\n"],
    ["SMOVE s t a", ":1\r\n"],
    ["SMOVE s t a", ":0\r\n"],
    ["SMOVE t t a", ":1\r\n"],
    ["SMOVE t t b", ":0\r\n"],
    ["SMEMBERS t", "*1\r\n$1\r\na\r\n"],
    ["SREM t b a", ":1\r\n"],
    ["SREM t a", ":0\r\n"],
    ["SPOP none", "$-1\r\n"],
    ["SPOP none 2", "*0\r\n"],
    ["SPOP none -1", "-ERR value is out of range, must be positive\r\n"],
    ["SPOP none x", "-ERR value is out of range, must be positive\r\n"],
    ["SPOP none 1 2", "-ERR syntax error\r\n"],
    ["SRANDMEMBER none", "$-1\r\n"],
    ["SRANDMEMBER none 2", "*0\r\n"],
    ["SRANDMEMBER none x", "-ERR value is not an integer or out of range\r\n"],
    ["SRANDMEMBER none 1 2", "-ERR syntax error\r\n"],
    ["SADD s a", ":1\r\n"],
    ["SRANDMEMBER s", "$1\r\na\r\n"],
    ["SRANDMEMBER s -3", "*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"],
    ["SPOP s", "$1\r\na\r\n"],
    ["SCARD s", ":0\r\n"],
  ]);
});

it("combines sets as Redis 7.0 does", () => {
  expectReplies(2, [
    ["SADD a x y", ":2\r\n"],
    ["SADD b y z", ":2\r\n"],
    ["SINTER a b", "*1\r\n$1\r\ny\r\n"],
    ["SINTER a none", "*0\r\n"],
    ["SDIFF a b", "*1\r\n$1\r\nx\r\n"],
    ["SDIFF none b", "*0\r\n"],
    ["SINTERSTORE d a b", ":1\r\n"],
    ["SMEMBERS d", "*1\r\n$1\r\ny\r\n"],
    ["SUNIONSTORE a a b", ":3\r\n"],
    ["SDIFFSTORE a a b", ":1\r\n"],
    ["SMEMBERS a", "*1\r\n$1\r\nx\r\n"],
    ["SDIFFSTORE a a a", ":0\r\n"],
    ["SCARD a", ":0\r\n"],
    ["SINTERCARD 1 b", ":2\r\n"],
    ["SINTERCARD 1 b LIMIT 1", ":1\r\n"],
    ["SINTERCARD 1 b limit 0", ":2\r\n"],
    ["SINTERCARD 0 b", "-ERR numkeys should be greater than 0\r\n"],
    ["SINTERCARD x b", "-ERR numkeys should be greater than 0\r\n"],
    ["SINTERCARD 2 b", "-ERR Number of keys can't be greater than number of args\r\n"],
    ["SINTERCARD 1 b LIMIT -1", "-ERR LIMIT can't be negative\r\n"],
    ["SINTERCARD 1 b LIMIT", "-ERR syntax error\r\n"],
    ["SET str v", "+OK\r\n"],
    ["SINTER none str", WRONG_TYPE],
    ["SUNIONSTORE d str", WRONG_TYPE],
    ["SUNIONSTORE str b", ":2\r\n"],
    ["SCARD str", ":2\r\n"],
    ["SUNIONSTORE str none", ":0\r\n"],
    ["GET str", "$-1\r\n"],
  ]);
});

it("has RESP3's own forms", () => {
  expectReplies(3, [
    ["SADD s a", ":1\r\n"],
    ["SMEMBERS s", "~1\r\n$1\r\na\r\n"],
    ["SINTER s", "~1\r\n$1\r\na\r\n"],
    ["SUNION s none", "~1\r\n$1\r\na\r\n"],
    ["SDIFF none", "~0\r\n"],
    ["SRANDMEMBER s 1", "*1\r\n$1\r\na\r\n"],
    ["SRANDMEMBER none", "_\r\n"],
    ["SSCAN s 0", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"],
    ["SPOP s 5", "~1\r\n$1\r\na\r\n"],
    ["SPOP s 5", "~0\r\n"],
  ]);
});

it.each([
  ...["SADD k a", "SREM k a", "SISMEMBER k a", "SMISMEMBER k a", "SCARD k", "SMEMBERS k", "SPOP k", "SPOP k 1"],
  ...[
    "SRANDMEMBER k",
    "SRANDMEMBER k 1",
    "SMOVE k d a",
    "SINTER k",
    "SUNION k",
    "SDIFF k",
    "SINTERCARD 1 k",
    "SSCAN k 0",
  ],
])("refuses another type: %s", (line) => {
  expectReplies(2, [
    ["SET k v", "+OK\r\n"],
    [line, WRONG_TYPE],
  ]);
});

it("tells where the keys of SINTERCARD are", () => {
  const { keys } = new CommandRunner(setCommands).command("SINTERCARD");
  expect(keys.kind).toBe("find");
});

it("takes each member out with the same chance", () => {
  const members = Array.from({ length: 8 }, (_, i) => `m${i}`);
  const counts = new Map(members.map((member) => [member, 0]));
  const runner = new CommandRunner(setCommands, { compareMisses: false });
  for (let round = 0; round < 2000; round++) {
    runner.call("SADD", "s", ...members);
    const [picked = ""] = runner.call("SPOP", "s", "1") as string[];
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  // 2,000 draws of 8: 250 each, with a standard deviation of 15.
  for (const count of counts.values()) expect(Math.abs(count - 250)).toBeLessThan(75);
});

describe("as a model has it", () => {
  const KEYS = ["a", "b", "c"] as const;
  const key = fc.constantFrom(...KEYS);
  // Long members, so that some sets pass the inline limit and some do not.
  const member = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => `member:${n}:${"#".repeat(2 * n)}`) },
    { weight: 1, arbitrary: fc.constantFrom("", "\xff\x00", "x".repeat(200), "y".repeat(3000)) },
  );
  const members = fc.array(member, { minLength: 1, maxLength: 30, size: "max" });
  type Model = Map<string, Set<string>>;
  type Step = (runner: CommandRunner, model: Model) => void;

  const setOf = (model: Model, name: string) => model.get(name) ?? new Set<string>();
  const combine = (model: Model, how: string, names: readonly string[]): Set<string> => {
    const [first = new Set<string>(), ...others] = names.map((name) => setOf(model, name));
    return others.reduce((sum, other) => {
      if (how === "UNION") return sum.union(other);
      return how === "INTER" ? sum.intersection(other) : sum.difference(other);
    }, new Set(first));
  };

  const steps: fc.Arbitrary<Step>[] = [
    fc.tuple(key, members).map(([name, added]) => (runner, model) => {
      const before = setOf(model, name);
      const after = before.union(new Set(added));
      model.set(name, after);
      expect(runner.call("SADD", name, ...added)).toBe(after.size - before.size);
    }),
    fc.tuple(key, members).map(([name, removed]) => (runner, model) => {
      const set = setOf(model, name);
      expect(runner.call("SREM", name, ...removed)).toBe(removed.filter((one) => set.delete(one)).length);
    }),
    fc.tuple(key, key, member).map(([from, to, moved]) => (runner, model) => {
      const isThere = setOf(model, from).has(moved);
      if (isThere) {
        setOf(model, from).delete(moved);
        model.set(to, setOf(model, to).union(new Set([moved])));
      }
      expect(runner.call("SMOVE", from, to, moved)).toBe(isThere ? 1 : 0);
    }),
    fc.tuple(key, members).map(([name, asked]) => (runner, model) => {
      const set = setOf(model, name);
      expect(runner.call("SMISMEMBER", name, ...asked)).toEqual(asked.map((one) => (set.has(one) ? 1 : 0)));
      expect(runner.call("SCARD", name)).toBe(set.size);
      expect((runner.call("SMEMBERS", name) as string[]).toSorted()).toEqual([...set].toSorted());
    }),
    fc
      .tuple(fc.constantFrom("UNION", "INTER", "DIFF"), key, fc.array(key, { minLength: 1, maxLength: 4 }))
      .map(([how, destination, names]) => (runner, model) => {
        const expected = combine(model, how, names);
        expect((runner.call(`S${how}`, ...names) as string[]).toSorted()).toEqual([...expected].toSorted());
        if (how === "INTER") expect(runner.call("SINTERCARD", names.length, ...names)).toBe(expected.size);
        expect(runner.call(`S${how}STORE`, destination, ...names)).toBe(expected.size);
        model.set(destination, expected);
      }),
    fc.tuple(key, fc.integer({ min: 0, max: 50 })).map(([name, count]) => (runner, model) => {
      const set = setOf(model, name);
      const popped = runner.call("SPOP", name, count) as string[];
      expect(popped.length).toBe(Math.min(count, set.size));
      for (const one of popped) expect(set.delete(one)).toBe(true);
    }),
    fc.tuple(key, fc.integer({ min: -20, max: 50 })).map(([name, count]) => (runner, model) => {
      const set = setOf(model, name);
      const picked = runner.call("SRANDMEMBER", name, count) as string[];
      const expected = set.size === 0 ? 0 : count < 0 ? -count : Math.min(count, set.size);
      expect(picked.length).toBe(expected);
      expect(picked.every((one) => set.has(one))).toBe(true);
      if (count >= 0) expect(new Set(picked).size).toBe(expected);
    }),
    fc.tuple(key, fc.integer({ min: 1, max: 30 })).map(([name, count]) => (runner, model) => {
      expect(scanAll(runner, name, count).toSorted()).toEqual([...setOf(model, name)].toSorted());
    }),
  ];

  function scanAll(runner: CommandRunner, name: string, count: number): string[] {
    const seen: string[] = [];
    let cursor = "0";
    do {
      const [next, elements] = runner.call("SSCAN", name, cursor, "COUNT", count) as [string, Decoded[]];
      seen.push(...(elements as string[]));
      cursor = next;
    } while (cursor !== "0");
    return seen;
  }

  it("over random commands, warm and with everything missing", () => {
    const run = (sequence: readonly Step[]): void => {
      const runner = new CommandRunner(setCommands, { check: checkCollections });
      const model: Model = new Map();
      for (const step of sequence) step(runner, model);
    };
    fc.assert(fc.property(fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 40, size: "max" }), run), {
      numRuns: 100,
    });
  });
});
