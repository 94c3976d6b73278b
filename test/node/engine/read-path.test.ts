import { expect, test } from "vitest";
import { DirtyTracker } from "../../../node/engine/dirty-tracker.ts";
import { engineOptions } from "../../../node/engine/engine-options.ts";
import { ReadPath } from "../../../node/engine/read-path.ts";
import { RecordCache } from "../../../node/engine/record-cache.ts";
import { Slab } from "../../../node/engine/slab.ts";
import { EngineHarness, SLOT } from "../../support/engine-harness.ts";

test("ranges of the slots scanned last are kept, those of earlier ones are let go", async () => {
  const { engine, store, clock } = await EngineHarness.open();
  const slab = new Slab(64 * 1024);
  const cache = new RecordCache(engineOptions(1024 * 1024), {
    slab,
    dirty: new DirtyTracker(slab),
    spaces: new Map(),
  });
  const reads = new ReadPath(
    { poolReads: 1 },
    { store, clock, cache, fatal: (error) => expect.unreachable(String(error)) },
  );
  const spaces = Array.from({ length: 66 }, (_, slot) => engine.openSlot({ ...SLOT, slot }, slot + 1));
  for (const space of spaces.slice(0, 64)) await reads.loadRange(space, 0, 10);
  const first = spaces[0];
  if (first === undefined) throw new Error("there are slots");
  await reads.loadRange(first, 0, 10);
  for (const space of spaces.slice(64)) await reads.loadRange(space, 0, 10);
  expect(spaces.filter(({ range }) => range === undefined).map(({ slot }) => slot)).toEqual([1, 2]);
});
