import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { CommandRunner } from "../../support/run-command.ts";

let run: CommandRunner;

beforeEach(() => {
  run = new CommandRunner([...stringCommands, ...keyCommands]);
});

/** All keys that SCAN gives from the start to its end. */
function scanAll(...options: (string | number)[]): string[] {
  const seen: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = run.call("SCAN", cursor, ...options) as [string, string[]];
    seen.push(...keys);
    cursor = next;
  } while (cursor !== "0");
  return seen.toSorted();
}

test("every key is seen once whatever the count, and those that expired are not", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 70 }),
      (keys, count) => {
        run = new CommandRunner([...stringCommands, ...keyCommands]);
        const bytes = [...new Set(keys.map((key) => Buffer.from(key).toString("latin1")))];
        for (const key of bytes) run.call("SET", key, "v");
        run.call("SET", "expired!", "v", "PX", 1);
        run.nowMs += 1;
        expect(scanAll("COUNT", count)).toEqual(bytes.toSorted());
        expect((run.call("KEYS", "*") as string[]).toSorted()).toEqual(bytes.toSorted());
      },
    ),
    { numRuns: 30 },
  );
});

test("what is there all the time is seen even while other keys come and go", () => {
  for (let i = 0; i < 50; i++) run.call("SET", `stays${i}`, "v");
  const seen = new Set<string>();
  let cursor = "0";
  let round = 0;
  do {
    const [next, keys] = run.call("SCAN", cursor, "COUNT", 3) as [string, string[]];
    for (const key of keys) seen.add(key);
    cursor = next;
    run.call("DEL", `comes${round}`);
    run.call("SET", `comes${++round}`, "v");
  } while (cursor !== "0");
  for (let i = 0; i < 50; i++) expect(seen.has(`stays${i}`)).toBe(true);
});

test("patterns and types choose", () => {
  for (const key of ["hello", "hallo", "other"]) run.call("SET", key, "v");
  expect(scanAll("MATCH", "h?llo")).toEqual(["hallo", "hello"]);
  expect(scanAll("TYPE", "STRING")).toEqual(["hallo", "hello", "other"]);
  expect(scanAll("type", "list")).toEqual([]);
  expect(scanAll("TYPE", "nope", "MATCH", "*")).toEqual([]);
  expect((run.call("KEYS", "h[ae]llo") as string[]).toSorted()).toEqual(["hallo", "hello"]);
});

test.each([
  [["x"], "ERR invalid cursor"],
  [["-1"], "ERR invalid cursor"],
  [["99999999999999999999"], "ERR invalid cursor"],
  [["0", "COUNT", "0"], "ERR syntax error"],
  [["0", "COUNT", "x"], "ERR value is not an integer or out of range"],
  [["0", "COUNT"], "ERR syntax error"],
  [["0", "FOO", "1"], "ERR syntax error"],
])("SCAN %s is refused", (args, error) => {
  expect(run.call("SCAN", ...args)).toEqual({ error });
});
