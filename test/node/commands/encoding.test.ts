import { beforeEach, expect, test } from "vitest";
import { hashCommands } from "../../../node/commands/hashes.ts";
import { objectCommands } from "../../../node/commands/object.ts";
import { setCommands } from "../../../node/commands/sets.ts";
import { sortedSetCommands } from "../../../node/commands/sorted-sets.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...objectCommands, ...hashCommands, ...setCommands, ...sortedSetCommands]);
});

function encoding(): unknown {
  return run.call("object|encoding", "ENCODING", "k");
}

function names(count: number, width: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i).padStart(width, "n"));
}

test.each([
  [1, 64, "listpack", "listpack"],
  [128, 64, "listpack", "listpack"],
  [129, 4, "listpack", "skiplist"],
  [512, 4, "listpack", "skiplist"],
  [513, 4, "hashtable", "skiplist"],
  [1, 65, "hashtable", "skiplist"],
])("%s elements of %s bytes", (count, width, ofHash, ofZset) => {
  for (const name of names(count, width)) run.call("HSET", "k", name, "v");
  expect(encoding()).toBe(ofHash);
  run.call("HDEL", "k", ...names(count, width));
  for (const name of names(count, width)) run.call("ZADD", "k", 1, name);
  expect(encoding()).toBe(ofZset);
});

test("a long value makes a hash large", () => {
  run.call("HSET", "k", "f", "v".repeat(65));
  expect(encoding()).toBe("hashtable");
});

test("sets of integers are intsets up to 512", () => {
  run.call("SADD", "k", ...Array.from({ length: 512 }, (_, i) => i - 5));
  expect(encoding()).toBe("intset");
  run.call("SADD", "k", 1000);
  expect(encoding()).toBe("hashtable");
  run.call("SREM", "k", 1000);
  run.call("SADD", "k", "x");
  expect(encoding()).toBe("hashtable");
});
