import { expect, it } from "vitest";
import { hash32 } from "../../../node/base/hash.ts";
import { setCommands } from "../../../node/commands/sets.ts";
import { CommandRunner } from "../../support/run-command.ts";

function makeRunner(members: readonly string[]): CommandRunner {
  const runner = new CommandRunner(setCommands);
  for (let i = 0; i < members.length; i += 100) runner.call("SADD", "s", ...members.slice(i, i + 100));
  return runner;
}

function scan(runner: CommandRunner, cursor: string, ...options: (string | number)[]): [string, string[]] {
  return runner.call("SSCAN", "s", cursor, ...options) as [string, string[]];
}

const MANY = Array.from({ length: 1000 }, (_, i) => `member:${i}`);

it("goes in steps of COUNT, 10 where nothing is said, with cursors below 2^32 that ascend", () => {
  const runner = makeRunner(MANY);
  expect(scan(runner, "0")[1].length).toBe(10);
  const seen: string[] = [];
  let cursor = 0;
  for (let steps = 0; steps < 100; steps++) {
    const [next, members] = scan(runner, String(cursor), "COUNT", 25);
    seen.push(...members);
    if (next === "0") break;
    expect(members.length).toBe(25);
    expect(Number(next)).toBeGreaterThan(cursor);
    expect(Number(next)).toBeLessThan(2 ** 32);
    cursor = Number(next);
  }
  expect(seen.toSorted()).toEqual(MANY.toSorted());
});

it("keeps no state: a cursor means the same after others came and went", () => {
  const runner = makeRunner(MANY);
  const [cursor, before] = scan(runner, "0", "COUNT", 500);
  runner.call("SREM", "s", ...before);
  runner.call("SADD", "s", ...Array.from({ length: 300 }, (_, i) => `other:${i}`));
  const after = scan(runner, cursor, "COUNT", 10_000)[1].filter((member) => member.startsWith("member"));
  expect([...before, ...after].toSorted()).toEqual(MANY.toSorted());
});

it("answers with those that match of the elements it looks at", () => {
  const runner = makeRunner(MANY);
  const [cursor, members] = scan(runner, "0", "COUNT", 1000, "MATCH", "member:99?");
  expect(cursor).toBe("0");
  expect(members.length).toBe(10);
});

it("ends at once beyond all hashes", () => {
  expect(scan(makeRunner(MANY), "18446744073709551615")).toEqual(["0", []]);
});

it("answers members of the same hash together", () => {
  const runner = new CommandRunner(setCommands);
  const seen = new Map<number, string>();
  let pair: [string, string] | undefined;
  for (let i = 0; pair === undefined && i < 1_000_000; i++) {
    const name = `n${i}`;
    const bytes = Buffer.from(name);
    const hash = hash32(runner.tx.hashKey, bytes, 0, bytes.length);
    const other = seen.get(hash);
    if (other !== undefined) pair = [other, name];
    seen.set(hash, name);
  }
  expect(pair).toBeDefined();
  runner.call("SADD", "s", ...(pair ?? []), "x".repeat(3000));
  let cursor = "0";
  let members: string[] = [];
  do [cursor, members] = scan(runner, cursor, "COUNT", 1);
  while (!members.includes(pair?.[0] ?? ""));
  expect(members).toEqual(expect.arrayContaining(pair ?? []));
});
