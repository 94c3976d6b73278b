import { beforeEach, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { keyCommands } from "../../../node/commands/keys.ts";
import { objectHelpCommand } from "../../../node/commands/object.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { ReplyWriter } from "../../../node/resp/reply.ts";
import { decodeReplies } from "../../support/reply-decoder.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands]);
});

test.each([
  ["12345", "int"],
  ["-9223372036854775808", "int"],
  ["0123", "embstr"],
  ["9223372036854775808", "embstr"],
  ["x".repeat(44), "embstr"],
  ["x".repeat(45), "raw"],
  ["x".repeat(20_000), "raw"],
])("the encoding of %s", (value, encoding) => {
  run.call("SET", "k", value);
  expect(run.call("object|encoding", "ENCODING", "k")).toBe(encoding);
});

test("the other subcommands, on a key and on none", () => {
  run.call("SET", "k", "v");
  expect(run.call("object|refcount", "REFCOUNT", "k")).toBe(1);
  expect(run.call("object|idletime", "IDLETIME", "k")).toBe(0);
  expect(run.call("object|freq", "FREQ", "k")).toMatchObject({ error: expect.stringContaining("LFU") });
  for (const name of ["encoding", "refcount", "idletime", "freq"]) {
    expect(run.call(`object|${name}`, name, "none")).toBeNull();
  }
  const reply = new ReplyWriter();
  void objectHelpCommand.execute(undefined, Argv.of("OBJECT", "HELP"), reply);
  const [lines] = decodeReplies(Buffer.from(reply.buf.subarray(0, reply.length)));
  expect(lines).toContain("ENCODING <key>");
});

test("DEBUG OBJECT describes a key, and says where there is none", () => {
  run.call("SET", "k", "12345");
  expect(run.call("debug|object", "OBJECT", "k")).toMatch(/ encoding:int serializedlength:\d+ /);
  expect(run.call("debug|object", "OBJECT", "none")).toMatchObject({ error: "ERR no such key" });
});
