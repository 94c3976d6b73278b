/** Random runs of the string and key families against KeyModel, with virtual time; each call on warm and missing reads. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { KeyModel } from "../../support/key-model.ts";
import { keyStep } from "../../support/key-steps.ts";
import { CommandRunner } from "../../support/run-command.ts";

/** Every page belongs to the tree of a record that is stored, expired or not: nothing leaks, nothing is lost. */
function countTrees(runner: CommandRunner): { readonly stored: number; readonly described: number } {
  const trees = new Set([...runner.tx.pages.keys()].map((name) => name.split(":")[0]));
  const described = [...runner.tx.records.values()].filter((bytes) => ((bytes[0] as number) & 0x20) !== 0);
  return { stored: trees.size, described: described.length };
}

test("random runs agree with the model, replies and keys, and no tree is left behind", () => {
  const run = fc.array(fc.tuple(keyStep, fc.integer({ min: 0, max: 300 })), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(run, (steps) => {
      const runner = new CommandRunner([...stringCommands, ...keyCommands]);
      const model = new KeyModel();
      for (const [{ call, expected }, passedMs] of steps) {
        runner.nowMs += passedMs;
        model.nowMs = runner.nowMs;
        const [name, ...args] = call;
        expect(runner.call(String(name), ...args)).toEqual(expected(model));
        const { stored, described } = countTrees(runner);
        expect(stored).toBe(described);
      }
      expect((runner.call("KEYS", "*") as string[]).toSorted()).toEqual(model.liveKeys().toSorted());
    }),
    { numRuns: 150 },
  );
});
