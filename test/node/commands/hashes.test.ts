import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashCommands } from "../../../node/commands/hashes.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { checkCollections } from "../../support/collection-invariants.ts";
import type { Decoded } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/** Lines of commands, each with its exact reply. */
function expectReplies(protocol: 2 | 3, lines: readonly [command: string, reply: string][]): void {
  const runner = new CommandRunner([...hashCommands, ...stringCommands]);
  runner.protocol = protocol;
  for (const [line, reply] of lines) {
    const [name = "", ...args] = line.split(" ");
    expect(`${line} → ${runner.callRaw(name, ...args)}`).toBe(`${line} → ${reply}`);
  }
}

it("answers as Redis 7.0 does in RESP2", () => {
  expectReplies(2, [
    ["HSET h a 1 b 2", ":2\r\n"],
    ["HSET h a 1 c 3", ":1\r\n"],
    ["HSET h a", "-ERR wrong number of arguments for 'hset' command\r\n"],
    ["HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command\r\n"],
    ["HMSET h a 1 b", "-ERR wrong number of arguments for 'hmset' command\r\n"],
    ["HMSET h a 2", "+OK\r\n"],
    ["HGET h a", "$1\r\n2\r\n"],
    ["HGET h none", "$-1\r\n"],
    ["HMGET h a none c", "*3\r\n$1\r\n2\r\n$-1\r\n$1\r\n3\r\n"],
    ["HMGET none a", "*1\r\n$-1\r\n"],
    ["HGETALL h", "*6\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n"],
    ["HKEYS h", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"],
    ["HVALS h", "*3\r\n$1\r\n2\r\n$1\r\n2\r\n$1\r\n3\r\n"],
    ["HSETNX h a 9", ":0\r\n"],
    ["HSETNX h d 44", ":1\r\n"],
    ["HSTRLEN h d", ":2\r\n"],
    ["HSTRLEN h none", ":0\r\n"],
    ["HEXISTS h d", ":1\r\n"],
    ["HEXISTS none d", ":0\r\n"],
    ["HLEN h", ":4\r\n"],
    ["HDEL h a a none", ":1\r\n"],
    ["HDEL h b c d", ":3\r\n"],
    ["HLEN h", ":0\r\n"],
    ["HGETALL h", "*0\r\n"],
  ]);
});

it("counts as Redis 7.0 does", () => {
  expectReplies(2, [
    ["HINCRBY h n 5", ":5\r\n"],
    ["HINCRBY h n -7", ":-2\r\n"],
    ["HINCRBY h n 1.5", "-ERR value is not an integer or out of range\r\n"],
    ["HSET h n 9223372036854775807 t abc f 10.50", ":2\r\n"],
    ["HINCRBY h n 1", "-ERR increment or decrement would overflow\r\n"],
    ["HINCRBY h n -1", ":9223372036854775806\r\n"],
    ["HINCRBY h t 1", "-ERR hash value is not an integer\r\n"],
    ["HINCRBYFLOAT h f 0.1", "$4\r\n10.6\r\n"],
    ["HINCRBYFLOAT h f 5.0e3", "$22\r\n5010.60000000000000009\r\n"],
    ["HINCRBYFLOAT h t 1", "-ERR hash value is not a float\r\n"],
    ["HINCRBYFLOAT h f x", "-ERR value is not a valid float\r\n"],
    ["HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity\r\n"],
    ["HINCRBYFLOAT h new 1", "$1\r\n1\r\n"],
  ]);
});

it("picks and scans as Redis 7.0 does", () => {
  const far = "-ERR value is out of range\r\n";
  expectReplies(2, [
    ["HSET h a 1", ":1\r\n"],
    ["HRANDFIELD h", "$1\r\na\r\n"],
    ["HRANDFIELD none", "$-1\r\n"],
    ["HRANDFIELD none 3", "*0\r\n"],
    ["HRANDFIELD h 5", "*1\r\n$1\r\na\r\n"],
    ["HRANDFIELD h -2", "*2\r\n$1\r\na\r\n$1\r\na\r\n"],
    ["HRANDFIELD h 5 WithValues", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["HRANDFIELD h x", "-ERR value is not an integer or out of range\r\n"],
    ["HRANDFIELD h 1 foo", "-ERR syntax error\r\n"],
    ["HRANDFIELD h 1 withvalues foo", "-ERR syntax error\r\n"],
    ["HRANDFIELD h 9223372036854775807 withvalues", far],
    ["HRANDFIELD h -9223372036854775807 withvalues", far],
    ["HRANDFIELD h 9223372036854775807", "*1\r\n$1\r\na\r\n"],
    [
      "HRANDFIELD h -9223372036854775808",
      "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n",
    ],
    ["HSCAN h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["HSCAN h 0 MATCH b*", "*2\r\n$1\r\n0\r\n*0\r\n"],
    ["HSCAN h x", "-ERR invalid cursor\r\n"],
    ["HSCAN h 0 COUNT 0", "-ERR syntax error\r\n"],
    ["HSCAN h 0 COUNT x", "-ERR value is not an integer or out of range\r\n"],
    ["HSCAN none 0 COUNT x", "*2\r\n$1\r\n0\r\n*0\r\n"],
  ]);
});

it("has RESP3's own forms", () => {
  expectReplies(3, [
    ["HSET h a 1", ":1\r\n"],
    ["HGETALL h", "%1\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["HGETALL none", "%0\r\n"],
    ["HGET h none", "_\r\n"],
    ["HKEYS h", "*1\r\n$1\r\na\r\n"],
    ["HRANDFIELD h 1", "*1\r\n$1\r\na\r\n"],
    ["HRANDFIELD h 1 WITHVALUES", "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["HSCAN h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"],
    ["HINCRBYFLOAT h a 1.5", "$3\r\n2.5\r\n"],
  ]);
});

it.each([
  ...["HSET k a 1", "HMSET k a 1", "HSETNX k a 1", "HGET k a", "HMGET k a", "HDEL k a", "HLEN k", "HEXISTS k a"],
  ...["HSTRLEN k a", "HINCRBY k a 1", "HINCRBYFLOAT k a 1", "HGETALL k", "HKEYS k", "HVALS k", "HRANDFIELD k"],
  ...["HRANDFIELD k 1", "HSCAN k 0"],
])("refuses another type: %s", (line) => {
  expectReplies(2, [
    ["SET k v", "+OK\r\n"],
    [line, WRONG_TYPE],
    ["GET k", "$1\r\nv\r\n"],
  ]);
});

it("keeps the expiry of a hash that it changes and forgets it with the last field", () => {
  const runner = new CommandRunner([...hashCommands, ...stringCommands]);
  runner.call("SET", "h", "v", "PX", 1000);
  runner.nowMs += 1000;
  expect(runner.call("HSET", "h", "a", "1")).toBe(1);
  runner.nowMs += 1_000_000;
  expect(runner.call("HGET", "h", "a")).toBe("1");
});

describe("as a model has it", () => {
  // Names that make large elements and many small ones, so that some hashes pass the inline limit.
  const field = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => `field:${n}`) },
    { weight: 1, arbitrary: fc.constantFrom("", "\xff\x00", "x".repeat(200), "y".repeat(3000)) },
  );
  const value = fc.oneof(
    fc.constantFrom("", "1", "-5", "\r\n", "v".repeat(127), "v".repeat(128), "w".repeat(5000)),
    fc.string({ maxLength: 60 }).map((text) => Buffer.from(text).toString("latin1")),
  );
  type Step = (runner: CommandRunner, model: Map<string, string>) => void;
  const steps: fc.Arbitrary<Step>[] = [
    fc.array(fc.tuple(field, value), { minLength: 1, maxLength: 12, size: "max" }).map((pairs) => (runner, model) => {
      const added = new Set(pairs.map(([name]) => name).filter((name) => !model.has(name))).size;
      for (const [name, text] of pairs) model.set(name, text);
      expect(runner.call("HSET", "h", ...pairs.flat())).toBe(added);
    }),
    fc.tuple(field, value).map(([name, text]) => (runner, model) => {
      expect(runner.call("HSETNX", "h", name, text)).toBe(model.has(name) ? 0 : 1);
      if (!model.has(name)) model.set(name, text);
    }),
    fc.array(field, { minLength: 1, maxLength: 12, size: "max" }).map((names) => (runner, model) => {
      expect(runner.call("HDEL", "h", ...names)).toBe(names.filter((name) => model.delete(name)).length);
    }),
    fc.array(field, { minLength: 1, maxLength: 5 }).map((names) => (runner, model) => {
      expect(runner.call("HMGET", "h", ...names)).toEqual(names.map((name) => model.get(name) ?? null));
      expect(runner.call("HEXISTS", "h", names[0] as string)).toBe(model.has(names[0] as string) ? 1 : 0);
      expect(runner.call("HSTRLEN", "h", names[0] as string)).toBe(model.get(names[0] as string)?.length ?? 0);
    }),
    fc.tuple(field, fc.integer()).map(([name, amount]) => (runner, model) => {
      const before = model.get(name) ?? "0";
      const isInteger = /^(0|-?[1-9]\d{0,15})$/.test(before);
      const expected = isInteger ? Number(before) + amount : { error: "ERR hash value is not an integer" };
      if (isInteger) model.set(name, String(expected));
      expect(runner.call("HINCRBY", "h", name, amount)).toEqual(expected);
    }),
    fc.constant((runner, model) => {
      const all = runner.call("HGETALL", "h") as string[];
      const entries = Array.from({ length: all.length / 2 }, (_, i) => [all[2 * i], all[2 * i + 1]] as const);
      expect(new Map(entries)).toEqual(model);
      expect(runner.call("HLEN", "h")).toBe(model.size);
      expect(runner.call("HKEYS", "h")).toEqual(entries.map(([name]) => name));
      expect(runner.call("HVALS", "h")).toEqual(entries.map(([, text]) => text));
    }),
    fc.integer({ min: 1, max: 30 }).map((count) => (runner, model) => {
      expect(scanAll(runner, count).toSorted()).toEqual([...model.keys()].toSorted());
    }),
    fc.integer({ min: -10, max: 60 }).map((count) => (runner, model) => {
      const picked = runner.call("HRANDFIELD", "h", count) as string[];
      const expected = model.size === 0 ? 0 : count < 0 ? -count : Math.min(count, model.size);
      expect(picked.length).toBe(expected);
      expect(picked.every((name) => model.has(name))).toBe(true);
      if (count >= 0) expect(new Set(picked).size).toBe(expected);
    }),
  ];

  function scanAll(runner: CommandRunner, count: number): string[] {
    const names: string[] = [];
    let cursor = "0";
    do {
      const [next, elements] = runner.call("HSCAN", "h", cursor, "COUNT", count) as [string, Decoded[]];
      for (let i = 0; i < elements.length; i += 2) names.push(elements[i] as string);
      cursor = next;
    } while (cursor !== "0");
    return names;
  }

  it("over random commands, warm and with everything missing", () => {
    const run = (sequence: readonly Step[]): void => {
      const runner = new CommandRunner(hashCommands, { check: checkCollections });
      const model = new Map<string, string>();
      for (const step of sequence) step(runner, model);
    };
    fc.assert(fc.property(fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 40, size: "max" }), run), {
      numRuns: 100,
    });
  });
});
