/** Random runs of the list family against ListModel, on warm and missing reads, with the stored form checked. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { keyCommands } from "../../../node/commands/keys.ts";
import { listCommands } from "../../../node/commands/lists.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ListTree } from "../../../node/engine/list-tree.ts";
import { isRecordTree, recordPayloadStart } from "../../../node/engine/record-format.ts";
import { ListModel } from "../../support/list-model.ts";
import type { MapTransaction } from "../../support/map-transaction.ts";
import type { Decoded } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";
import { checkTree } from "../../support/tree-invariants.ts";

interface Step {
  readonly call: readonly (string | number)[];
  readonly expected: (model: ListModel) => Decoded;
}

/** All lists in tree form keep the tree's invariants, and no page belongs to none of them. */
function checkStored(tx: MapTransaction): void {
  let pages = 0;
  for (const value of tx.records.values()) {
    if (!isRecordTree(value, 0)) continue;
    const tree = new ListTree();
    tree.open(tx, value, recordPayloadStart(value, 0));
    checkTree(tx, tree);
    pages += [...tx.pages.keys()].filter((name) => name.startsWith(`${tree.id}:`)).length;
  }
  expect(tx.pages.size).toBe(pages);
}

const key = fc.constantFrom("a", "b", "c");
const keys = fc.array(key, { minLength: 1, maxLength: 3 });
const element = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("", "x", "y", "\xff\0", "z z") },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 700 }).map((size) => "e".repeat(size)) },
  { weight: 1, arbitrary: fc.integer({ min: 1000, max: 6000 }).map((size) => "f".repeat(size)) },
);
const elements = fc.oneof(
  { weight: 4, arbitrary: fc.array(element, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(element, { minLength: 20, maxLength: 200 }) },
);
const index = fc.oneof(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -300, max: 300 }));
const count = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 300 }));
const end = fc.constantFrom("LEFT" as const, "RIGHT" as const);
const rank = fc.integer({ min: -4, max: 4 }).filter((n) => n !== 0);

/** The first letter of a command that names an end by it. */
function at(which: "LEFT" | "RIGHT", name: string): string {
  return `${which.charAt(0)}${name}`;
}

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(key, end, elements).map(([k, e, all]) => ({
      call: [at(e, "PUSH"), k, ...all],
      expected: (m: ListModel) => m.push(k, e, all),
    })),
  },
  fc.tuple(key, end, elements).map(([k, e, all]) => ({
    call: [at(e, "PUSHX"), k, ...all],
    expected: (m: ListModel) => m.pushx(k, e, all),
  })),
  fc.tuple(key, end).map(([k, e]) => ({
    call: [at(e, "POP"), k],
    expected: (m: ListModel) => m.pop(k, e, 1)[0] ?? null,
  })),
  fc.tuple(key, end, count).map(([k, e, n]) => ({
    call: [at(e, "POP"), k, n],
    expected: (m: ListModel) => (m.elements(k).length === 0 ? null : m.pop(k, e, n)),
  })),
  fc.tuple(key, index, index).map(([k, from, to]) => ({
    call: ["LRANGE", k, from, to],
    expected: (m: ListModel) => m.range(k, from, to),
  })),
  fc.tuple(key, index, index).map(([k, from, to]) => ({
    call: ["LTRIM", k, from, to],
    expected: (m: ListModel) => {
      m.trim(k, from, to);
      return "OK";
    },
  })),
  fc.tuple(key, index).map(([k, i]) => ({ call: ["LINDEX", k, i], expected: (m: ListModel) => m.index(k, i) })),
  fc.tuple(key, index, element).map(([k, i, e]) => ({
    call: ["LSET", k, i, e],
    expected: (m: ListModel) => m.set(k, i, e),
  })),
  fc.tuple(key, fc.constantFrom("BEFORE" as const, "AFTER" as const), element, element).map(([k, w, p, e]) => ({
    call: ["LINSERT", k, w, p, e],
    expected: (m: ListModel) => m.insert(k, e, { where: w, pivot: p }),
  })),
  fc.tuple(key, fc.integer({ min: -5, max: 5 }), element).map(([k, n, e]) => ({
    call: ["LREM", k, n, e],
    expected: (m: ListModel) => m.remove(k, n, e),
  })),
  fc.tuple(key, element, rank, count, count).map(([k, e, r, n, max]) => ({
    call: ["LPOS", k, e, "RANK", r, "COUNT", n, "MAXLEN", max],
    expected: (m: ListModel) => m.positions(k, e, { rank: r, count: n, maxLength: max }),
  })),
  fc.tuple(key, element).map(([k, e]) => ({
    call: ["LPOS", k, e],
    expected: (m: ListModel) => m.positions(k, e, { rank: 1, count: 1, maxLength: 0 })[0] ?? null,
  })),
  fc.tuple(key, key, end, end).map(([k, to, e, f]) => ({
    call: ["LMOVE", k, to, e, f],
    expected: (m: ListModel) => m.move(k, to, e, f),
  })),
  fc.tuple(key, key).map(([k, to]) => ({
    call: ["RPOPLPUSH", k, to],
    expected: (m: ListModel) => m.move(k, to, "RIGHT", "LEFT"),
  })),
  fc.tuple(keys, end, fc.integer({ min: 1, max: 50 })).map(([all, e, n]) => ({
    call: ["LMPOP", all.length, ...all, e, "COUNT", n],
    expected: (m: ListModel) => m.popSeveral(all, e, n),
  })),
  fc.tuple(key).map(([k]) => ({ call: ["LLEN", k], expected: (m: ListModel) => m.elements(k).length })),
);

test("random commands answer what a model of arrays answers", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 60 }), (steps) => {
      const runner = new CommandRunner(listCommands, { check: checkStored });
      const model = new ListModel();
      for (const { call, expected } of steps) {
        const [name, ...args] = call;
        expect(runner.call(String(name), ...args)).toEqual(expected(model));
      }
      for (const name of ["a", "b", "c"]) {
        expect(runner.call("LRANGE", name, 0, -1)).toEqual(model.elements(name));
        expect(runner.tx.records.has(name)).toBe(model.elements(name).length > 0);
      }
    }),
    { numRuns: 150 },
  );
});

const ALL = [...listCommands, ...stringCommands, ...keyCommands];

describe("a client's mistakes", () => {
  const cases: readonly [readonly (string | number)[], string][] = [
    [["LPUSH", "str", "x"], "WRONGTYPE Operation against a key holding the wrong kind of value"],
    [["LMOVE", "l", "str", "LEFT", "LEFT"], "WRONGTYPE Operation against a key holding the wrong kind of value"],
    [["LMOVE", "l", "m", "LEFT", "MIDDLE"], "ERR syntax error"],
    [["LPOP", "l", "-1"], "ERR value is out of range, must be positive"],
    [["LPOP", "l", "x"], "ERR value is out of range, must be positive"],
    [["LPOP", "l", "1", "2"], "ERR wrong number of arguments for 'lpop' command"],
    [["LRANGE", "l", "a", "1"], "ERR value is not an integer or out of range"],
    [["LINDEX", "l", "1.5"], "ERR value is not an integer or out of range"],
    [["LSET", "none", "x", "y"], "ERR no such key"],
    [["LSET", "l", "5", "y"], "ERR index out of range"],
    [["LINSERT", "l", "AROUND", "x", "y"], "ERR syntax error"],
    [["LPOS", "l", "x", "RANK"], "ERR syntax error"],
    [["LPOS", "l", "x", "COUNT", "-1"], "ERR COUNT can't be negative"],
    [["LPOS", "l", "x", "RANK", "9223372036854775808"], "ERR value is not an integer or out of range"],
    [
      ["LPOS", "l", "x", "RANK", "-9223372036854775808"],
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    ],
    [["LPOS", "l", "x", "MAXLEN", "-1"], "ERR MAXLEN can't be negative"],
    [["LMPOP", "0", "l", "LEFT"], "ERR numkeys should be greater than 0"],
    [["LMPOP", "9", "l", "LEFT"], "ERR syntax error"],
    [["LMPOP", "1", "l", "LEFT", "COUNT", "0"], "ERR count should be greater than 0"],
    [["LMPOP", "1", "l", "LEFT", "COUNT", "1", "x"], "ERR syntax error"],
    [["BLPOP", "l", "-1"], "ERR timeout is negative"],
    [["BLPOP", "l", "x"], "ERR timeout is not a float or out of range"],
    [["BLMOVE", "l", "m", "LEFT", "LEFT", "x"], "ERR timeout is not a float or out of range"],
    [["BRPOPLPUSH", "l", "m", "-1"], "ERR timeout is negative"],
    [["BLMPOP", "x", "0", "l", "LEFT"], "ERR numkeys should be greater than 0"],
    [["BLPOP", "str", "none", "0"], "WRONGTYPE Operation against a key holding the wrong kind of value"],
  ];
  test.each(cases)("%j", (call, error) => {
    const runner = new CommandRunner(ALL, { check: checkStored });
    runner.call("SET", "str", "v");
    runner.call("RPUSH", "l", "x", "y");
    const [name, ...args] = call;
    expect(runner.call(String(name), ...args)).toEqual({ error });
    expect(runner.call("LRANGE", "l", 0, -1)).toEqual(["x", "y"]);
  });

  test("LPOS of rank 0", () => {
    const runner = new CommandRunner(ALL);
    expect(runner.call("LPOS", "l", "x", "RANK", 0)).toMatchObject({
      error: expect.stringContaining("RANK can't be zero"),
    });
  });
});

describe("what would block", () => {
  test("answers BLOCK while there is nothing, and the first list with elements else", () => {
    const runner = new CommandRunner(ALL);
    const calls: readonly (readonly [string, ...string[]])[] = [
      ["BLPOP", "a", "b", "0"],
      ["BRPOP", "a", "1.5"],
      ["BLMOVE", "a", "b", "LEFT", "RIGHT", "0"],
      ["BRPOPLPUSH", "a", "b", "0"],
      ["BLMPOP", "0.01", "2", "a", "b", "LEFT"],
    ];
    for (const call of calls) {
      expect(typeof runner.call(...call)).toBe("symbol");
      expect(runner.callRaw(...call)).toBe("*-1\r\n");
    }
    runner.call("RPUSH", "b", "1", "2", "3", "4");
    expect(runner.call("BLPOP", "a", "b", "0")).toEqual(["b", "1"]);
    expect(runner.call("BRPOP", "a", "b", "0")).toEqual(["b", "4"]);
    expect(runner.call("BLMPOP", "0", "2", "a", "b", "RIGHT", "COUNT", "1")).toEqual(["b", ["3"]]);
    expect(runner.call("BLMOVE", "b", "c", "LEFT", "LEFT", "0")).toBe("2");
    expect(runner.call("BRPOPLPUSH", "c", "a", "0")).toBe("2");
    expect(runner.call("LRANGE", "a", 0, -1)).toEqual(["2"]);
  });

  test("a key of another type does not keep a later list from being served", () => {
    const runner = new CommandRunner(ALL);
    runner.call("SET", "str", "v");
    runner.call("RPUSH", "l", "x");
    expect(runner.call("BLPOP", "str", "l", "0")).toEqual(["l", "x"]);
  });

  test("timeouts are milliseconds, rounded up, checked behind the other arguments", () => {
    const runner = new CommandRunner(ALL);
    const timeoutOf = (...parts: string[]) => {
      const argv = Argv.of(...parts);
      return runner.command(parts[0] as string).timeoutMs?.(argv);
    };
    expect(timeoutOf("BLPOP", "a", "0")).toBe(0);
    expect(timeoutOf("BRPOP", "a", "b", "1.0001")).toBe(1001);
    expect(timeoutOf("BLMPOP", "2", "1", "a", "LEFT")).toBe(2000);
    expect(timeoutOf("BLMPOP", "2", "1", "a", "UP")).toBe("ERR syntax error");
    expect(timeoutOf("BLMOVE", "a", "b", "LEFT", "LEFT", "-1")).toBe("ERR timeout is negative");
  });
});

test("a list that expires is gone with its pages, and a write keeps the expiry of one that is not", () => {
  const runner = new CommandRunner(ALL, { check: checkStored });
  const long = "e".repeat(1000);
  runner.call("RPUSH", "l", long, long, long);
  runner.call("PEXPIRE", "l", 1000);
  runner.call("LPUSH", "l", "head");
  expect(runner.call("PTTL", "l")).toBe(1000);
  runner.call("LMOVE", "l", "l", "LEFT", "RIGHT");
  expect(runner.call("PTTL", "l")).toBe(1000);
  runner.nowMs += 1000;
  expect(runner.call("LLEN", "l")).toBe(0);
  expect(runner.call("RPUSH", "l", "new")).toBe(1);
  expect(runner.call("PTTL", "l")).toBe(-1);
  expect(runner.tx.pages.size).toBe(0);
});

test("the keys of LMPOP and BLMPOP are found by their number", () => {
  const runner = new CommandRunner(ALL);
  const keysOf = (...parts: string[]) => {
    const { keys: spec } = runner.command(parts[0] as string);
    return spec.kind === "find" ? spec.find(Argv.of(...parts)) : undefined;
  };
  expect(keysOf("LMPOP", "2", "a", "b", "LEFT")).toEqual([2, 3]);
  expect(keysOf("BLMPOP", "0", "1", "a", "LEFT")).toEqual([3]);
});
