/** The string and key families over the real engine with a tiny cache, flushes and crashes, against KeyModel. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { keyCommands } from "../../../node/commands/keys.ts";
import { stringCommands } from "../../../node/commands/strings.ts";
import { hasRecordExpiry } from "../../../node/engine/record-format.ts";
import { EngineCommands } from "../../support/engine-commands.ts";
import { EngineHarness, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";
import { KeyModel } from "../../support/key-model.ts";
import { keyStep } from "../../support/key-steps.ts";

const families = [...stringCommands, ...keyCommands];

/** Records with an expiry: as counted, and as a scan finds them. */
function countExpiring(harness: EngineHarness): Promise<[number, number]> {
  return harness.run((tx) => {
    let found = 0;
    tx.scanRecords(0, (_, value) => {
      if (hasRecordExpiry(value.buf, value.start)) found++;
      return true;
    });
    return [tx.expiringCount(), found];
  });
}

test("random runs agree with the model through flushes and restarts", async () => {
  const options = { engine: { cacheBytes: TINY_CACHE_BYTES } };
  const between = fc.constantFrom("nothing", "nothing", "nothing", "flush", "restart");
  const run = fc.array(fc.tuple(keyStep, fc.integer({ min: 0, max: 300 }), between), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(run, fc.boolean(), async (steps, isSlow) => {
      const commands = new EngineCommands(await EngineHarness.open(options), families);
      const model = new KeyModel();
      let nowMs = commands.harness.nowMs;
      for (const [{ call, expected }, passedMs, event] of steps) {
        if (isSlow) commands.harness.slowReads(1000);
        nowMs += passedMs;
        commands.harness.nowMs = model.nowMs = nowMs;
        const [name, ...args] = call;
        expect(await commands.call(String(name), ...args)).toEqual(expected(model));
        if (event !== "nothing") await commands.harness.engine.flusher.flushAll();
        if (event === "restart") commands.harness = await commands.harness.crash(options);
        const [counted, found] = await countExpiring(commands.harness);
        expect(counted).toBe(found);
      }
      commands.harness.nowMs = nowMs;
      expect(((await commands.call("KEYS", "*")) as string[]).toSorted()).toEqual(model.liveKeys().toSorted());
      expect(commands.harness.failures).toEqual([]);
      await commands.harness.close();
    }),
    { numRuns: 60 },
  );
});
