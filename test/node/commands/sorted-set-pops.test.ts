import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { BLOCK } from "../../../node/commands/command.ts";
import { sortedSetPopCommands } from "../../../node/commands/sorted-set-pops.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { CommandRunner } from "../../support/run-command.ts";

function makeRunner(): CommandRunner {
  return new CommandRunner([...sortedSetCommands, ...stringCommands]);
}

it("blocks only where all keys are empty, and serves the first that is not", () => {
  const runner = makeRunner();
  expect(runner.call("BZPOPMIN", "a", "b", "0")).toBe(BLOCK);
  expect(runner.call("BZPOPMAX", "a", "0.5")).toBe(BLOCK);
  expect(runner.call("BZMPOP", "0", "2", "a", "b", "MIN")).toBe(BLOCK);
  runner.call("ZADD", "b", "1", "x", "2", "y", "3", "z");
  expect(runner.call("BZPOPMIN", "a", "b", "0")).toEqual(["b", "x", "1"]);
  expect(runner.call("BZMPOP", "0", "2", "a", "b", "MAX", "COUNT", "9")).toEqual([
    "b",
    [
      ["z", "3"],
      ["y", "2"],
    ],
  ]);
  expect(runner.call("BZPOPMAX", "b", "0")).toBe(BLOCK);
});

it.each([
  ["BZPOPMIN a x", "ERR timeout is not a float or out of range"],
  ["BZPOPMIN a -1", "ERR timeout is negative"],
  ["BZPOPMIN a inf", "ERR timeout is negative"],
  ["BZMPOP x 1 a MIN", "ERR timeout is not a float or out of range"],
  ["BZMPOP 0 0 a MIN", "ERR numkeys should be greater than 0"],
  ["BZMPOP 0 1 a foo", "ERR syntax error"],
  ["BZPOPMIN a str 0", "WRONGTYPE Operation against a key holding the wrong kind of value"],
])("answers at once: %s", (line, error) => {
  const runner = makeRunner();
  runner.call("SET", "str", "v");
  const [name = "", ...args] = line.split(" ");
  expect(runner.call(name, ...args)).toEqual({ error });
});

it.each([
  ["bzpopmin", ["a", "b", "1.5"], 1500],
  ["bzpopmax", ["a", "0"], 0],
  ["bzmpop", ["0.0001", "1", "a", "MIN"], 1],
  ["bzmpop", ["x", "1", "a", "MIN"], "ERR timeout is not a float or out of range"],
])("%s %j has the timeout %s", (name, args, timeoutMs) => {
  const command = makeRunner().command(name);
  expect(command.timeoutMs?.(Argv.of(name, ...args))).toBe(timeoutMs);
});

it.each(["bzpopmin", "bzpopmax", "bzmpop"])("%s replies nil at a time-out", (name) => {
  for (const [protocol, text] of [
    [2, "*-1\r\n"],
    [3, "_\r\n"],
  ] as const) {
    const reply = new ReplyWriter();
    reply.protocol = protocol;
    makeRunner().command(name).replyTimeout?.(reply);
    expect(reply.buf.toString("latin1", 0, reply.length)).toBe(text);
  }
});

it("tells where the keys are", () => {
  const keysOf = (name: string, ...args: string[]) => {
    const spec = sortedSetPopCommands.find((command) => command.name === name)?.keys;
    return spec?.kind === "find" ? spec.find(Argv.of(name, ...args)) : spec;
  };
  expect(keysOf("zmpop", "2", "a", "b", "MIN")).toEqual([2, 3]);
  expect(keysOf("bzmpop", "0", "2", "a", "b", "MIN")).toEqual([3, 4]);
  expect(keysOf("zmpop", "9", "a", "MIN")).toBeUndefined();
  expect(keysOf("bzpopmin", "a", "0")).toEqual({ kind: "range", first: 1, last: -2, step: 1 });
});
