/**
 * The engine against a model: transactions with flushes, evictions, crashes, losses of power and slow reads between.
 * The log is played by a list of the operations of each transaction: after a crash those behind the applied index are
 * run again, as a recovery does.
 */

import fc from "fast-check";
import { expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import type { Transaction } from "../../../node/engine/transaction.ts";
import {
  applyOperation,
  compareWithModel,
  inHashOrder,
  type Operation,
  operation,
  readText,
  SlotModel,
  scanAll,
  writeText,
} from "../../contract/transaction.contract.ts";
import { EngineHarness, SLOT, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";

type Event =
  | { readonly kind: "run"; readonly operations: readonly Operation[]; readonly keeps: boolean }
  | { readonly kind: "flush" | "startFlush" | "failFlush" | "turn" | "crash" | "losePower" | "collect" | "revert" };

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      operations: fc.array(operation, { minLength: 1, maxLength: 8 }),
      keeps: fc.nat(5).map((n) => n > 0),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(["flush", "startFlush", "startFlush", "failFlush", "turn", "turn", "collect", "revert"] as const),
        ...(["crash", "losePower"] as const),
      ),
    }),
  },
);

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

class Scenario {
  harness: EngineHarness;
  model = new SlotModel();
  /** The states after each log entry; entry i leads from state i to state i + 1. */
  readonly states: SlotModel[] = [new SlotModel()];
  readonly log: (readonly Operation[])[] = [];
  readonly #flushes: Promise<void>[] = [];
  readonly #reopen: () => Promise<EngineHarness>;

  constructor(harness: EngineHarness, reopen: () => Promise<EngineHarness>) {
    this.harness = harness;
    this.#reopen = reopen;
  }

  async play(each: Event): Promise<void> {
    const { engine, store } = this.harness;
    if (each.kind === "run") await this.#run(each.operations, each.keeps);
    else if (each.kind === "flush") await engine.flusher.flushAll();
    else if (each.kind === "startFlush") this.#flushes.push(engine.flusher.flushAll().catch(() => {}));
    else if (each.kind === "failFlush") await this.#failFlush();
    else if (each.kind === "turn") await nextTurn();
    else if (each.kind === "collect") await engine.garbage.collect();
    else if (each.kind === "revert") await this.#replayAfter(() => engine.revert(this.harness.space));
    else {
      await this.#replayAfter(async () => {
        await engine.abandon();
        await Promise.all(this.#flushes);
        if (each.kind === "losePower") store.losePower(store.unsyncedBatchCount >>> 1);
        this.harness = await this.#reopen();
      });
    }
    await this.harness.run((tx) => compareWithModel(tx, this.model));
    expect(this.harness.failures).toEqual([]);
  }

  /** The disk is full once: what is dirty stays so, and the flush after the reopen has it all. */
  async #failFlush(): Promise<void> {
    const { engine, store } = this.harness;
    const { beforeWrite } = store.faults;
    store.faults.beforeWrite = () => Promise.reject(new OperatingError("StoreFull", "no room"));
    await engine.flusher.flushAll().catch((error) => expect(error).toMatchObject({ code: "StoreFull" }));
    store.faults.beforeWrite = beforeWrite ?? (async () => {});
  }

  async #run(operations: readonly Operation[], keeps: boolean): Promise<void> {
    const before = this.harness.space.appliedIndex;
    const after = await this.harness.run((tx) => this.#apply(tx, this.model, operations), keeps);
    if (this.harness.space.appliedIndex === before) return;
    this.model = after;
    this.log.push(operations);
    this.states.push(after);
  }

  #apply(tx: Transaction, model: SlotModel, operations: readonly Operation[]): SlotModel {
    const next = model.clone();
    for (const each of operations) applyOperation(tx, next, each);
    return next;
  }

  async #replayAfter(loseMemory: () => Promise<void>): Promise<void> {
    await loseMemory();
    const applied = this.harness.space.appliedIndex;
    this.model = this.states[applied] as SlotModel;
    this.states.length = applied + 1;
    for (const operations of this.log.splice(applied)) await this.#run(operations, true);
  }
}

const CACHES = { "all cached": {}, "a tiny cache": { engine: { cacheBytes: TINY_CACHE_BYTES } } };

for (const [name, options] of Object.entries(CACHES)) {
  for (const readUs of [1, 1000]) {
    test(`agrees with a model through flushes and crashes: ${name}, reads of ${readUs} µs`, async () => {
      let evictionCount = 0;
      let missCount = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(event, { maxLength: 40, size: "max" }), async (events) => {
          const first = await EngineHarness.open(options);
          first.slowReads(readUs);
          // Writes and pool reads take some turns, so that commands run meanwhile.
          first.store.faults.beforeWrite = () => nextTurn().then(nextTurn);
          first.store.faults.delayRead = nextTurn;
          const scenario = new Scenario(first, async () => {
            const next = await scenario.harness.crash(options);
            next.slowReads(readUs);
            return next;
          });
          for (const each of events) await scenario.play(each);
          evictionCount += scenario.harness.engine.stats.evictions;
          missCount += scenario.harness.missCount;
          await scenario.harness.close();
        }),
        { numRuns: 60 },
      );
      if ("engine" in options) expect(evictionCount).toBeGreaterThan(0);
      expect(missCount).toBeGreaterThan(0);
    });
  }
}

test("a flush while records change writes the state of the freeze, whole", async () => {
  const harness = await EngineHarness.open();
  const gate = Promise.withResolvers<void>();
  harness.store.faults.beforeWrite = () => gate.promise;
  const fill = (tx: Transaction, text: string) => {
    for (let i = 0; i < 2000; i++) writeText(tx, `key ${i}`, text);
  };
  await harness.run((tx) => fill(tx, "first"));
  const frozenAt = harness.space.appliedIndex;
  const flush = harness.engine.flusher.flushAll();
  await nextTurn();
  for (let turn = 0; turn < 20; turn++) {
    await harness.run((tx) => {
      for (let i = turn; i < 2000; i += 20) writeText(tx, `key ${i}`, `turn ${turn}`);
    });
    await nextTurn();
  }
  await harness.run((tx) => writeText(tx, "key new", "later"));
  gate.resolve();
  await flush;
  const reopened = await harness.crash();
  expect(reopened.space.appliedIndex).toBe(frozenAt);
  const model = new Map(Array.from({ length: 2000 }, (_, i) => [`key ${i}`, "first"]));
  await reopened.run((tx) => {
    expect(tx.recordCount()).toBe(2000);
    expect(scanAll(tx)).toEqual(inHashOrder(tx, model));
  });
  await reopened.close();
});

test("what changed during a flush is dirty after it and reaches the database", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => writeText(tx, "k", "first"));
  const gate = Promise.withResolvers<void>();
  harness.store.faults.beforeWrite = () => gate.promise;
  const flush = harness.engine.flusher.flushAll();
  await nextTurn();
  await harness.run((tx) => writeText(tx, "k", "second"));
  gate.resolve();
  await flush;
  expect(harness.engine.stats.dirtyBytes).toBe(20 + "k".length + 1 + "second".length);
  await harness.engine.flusher.flushAll();
  expect(harness.engine.stats.dirtyBytes).toBe(0);
  const reopened = await harness.crash();
  expect(await reopened.run((tx) => readText(tx, "k"))).toBe("second");
  await reopened.close();
});

test("a slot is opened with the data of its own replica only", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => writeText(tx, "k", "old"));
  await harness.engine.flusher.flushAll();
  const next = await harness.crash();
  expect(next.engine.storedSlots().map(({ table, slot, record }) => [table, slot, record.replica])).toEqual([
    [1, 0, 1],
  ]);
  const space = next.engine.openSlot(SLOT, 2);
  expect([space.keyCount, space.appliedIndex]).toEqual([0, 0]);
  await next.engine.flusher.flushAll();
  while (!(await next.engine.garbage.collect()));
  expect(next.engine.garbage.deletedCount).toBe(1);
  await next.close();
});

test("a dropped slot is gone, and its keys are collected, also after a crash", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => {
    for (let i = 0; i < 100; i++) writeText(tx, `k${i}`, "x");
  });
  await harness.engine.flusher.flushAll();
  await harness.run((tx) => writeText(tx, "dirty", "x"));
  await harness.engine.dropSlot(SLOT.table, SLOT.slot);
  expect(harness.engine.slot(SLOT.table, SLOT.slot)).toBeUndefined();
  expect(harness.engine.stats.dirtyBytes).toBe(0);
  await harness.engine.abandon();
  await harness.store.close();
  const next = await EngineHarness.open({ store: harness.store });
  expect(next.engine.storedSlots()).toEqual([]);
  while (!(await next.engine.garbage.collect()));
  expect(next.engine.garbage.deletedCount).toBe(100);
  expect(next.space.keyCount).toBe(0);
  await next.close();
});

test("ten thousand empty slots are opened and cost the database nothing", async () => {
  const harness = await EngineHarness.open();
  for (let slot = 0; slot < 10_000; slot++) harness.engine.openSlot({ ...SLOT, slot }, slot + 1);
  await harness.engine.flusher.flushAll();
  expect(harness.engine.flusher.flushCount).toBe(0);
  expect(harness.engine.stats.cacheBytes).toBeLessThan(1 << 20);
  await harness.close();
});

test("counts what it does", async () => {
  const harness = await EngineHarness.open();
  await harness.run((tx) => writeText(tx, "k", "v"));
  await harness.run((tx) => readText(tx, "k"));
  await harness.engine.flusher.flushAll();
  const { hits, misses, flushes, dirtyBytes, cacheEntries } = harness.engine.stats;
  expect([hits, misses, flushes, dirtyBytes, cacheEntries]).toEqual([1, 0, 1, 0, 1]);
  expect(harness.engine.durableIndex(harness.space)).toBe(1);
  await harness.close();
});
