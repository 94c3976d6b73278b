import fc from "fast-check";
import { expect, test } from "vitest";
import { OperatingError } from "../../../node/base/errors.ts";
import { KeyedTree } from "../../../node/engine/keyed-tree.ts";
import { ListTree } from "../../../node/engine/list-tree.ts";
import { HEADER_BYTES } from "../../../node/engine/page.ts";
import { type Transaction, View } from "../../../node/engine/transaction.ts";
import { DESCRIPTOR_BYTES } from "../../../node/engine/tree-pages.ts";
import { applyOperation, compareWithModel, operation, SlotModel } from "../../contract/transaction.contract.ts";
import { EngineHarness, TINY_CACHE_BYTES } from "../../support/engine-harness.ts";

/** An engine whose log can refuse a flush, and that holds what it has frozen until it is told to flush. */
async function openHolding(): Promise<{ harness: EngineHarness; log: { refuses: boolean } }> {
  const log = { refuses: false };
  const harness = await EngineHarness.open({
    engine: { ageTicks: 1 },
    deps: {
      ceilingOf: () => 0,
      log: {
        syncExecuted: async () => {
          if (log.refuses) throw new OperatingError("LogRefused", "the log is full");
        },
      },
    },
  });
  harness.engine.start();
  return { harness, log };
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ operations: fc.array(operation, { maxLength: 12 }), keeps: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constantFrom("freeze" as const, "flush" as const, "refused flush" as const) },
);

test("what is edited in the cache's memory and rolled back is as before, in the cache and after a crash", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { harness, log } = await openHolding();
      let model = new SlotModel();
      for (const each of steps) {
        if (each === "freeze") {
          harness.clock.advance(1000);
          await harness.engine.flusher.runAlone(() => {});
        } else if (typeof each === "string") {
          log.refuses = each === "refused flush";
          await harness.engine.flusher.flushAll();
          log.refuses = false;
        } else {
          const after = await harness.run((tx) => {
            const next = model.clone();
            for (const one of each.operations) applyOperation(tx, next, one);
            compareWithModel(tx, next);
            return next;
          }, each.keeps > 0);
          if (each.keeps > 0) model = after;
        }
        await harness.run((tx) => compareWithModel(tx, model));
      }
      // What was frozen, and then what has changed since.
      await harness.engine.flusher.flushAll();
      await harness.engine.flusher.flushAll();
      expect(harness.engine.stats.dirtyBytes).toBe(0);
      const restarted = await harness.crash();
      await restarted.run((tx) => compareWithModel(tx, model));
      await restarted.close();
    }),
    { numRuns: 150 },
  );
});

test("however many parts of a page are edited, a rollback brings all of it back", async () => {
  const harness = await EngineHarness.open({});
  const edit = fc.record({ from: fc.nat(3200), size: fc.nat(600), capacity: fc.nat(3500), fill: fc.nat(255) });
  const page = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 31) & 0xff));
  let tree = 0;
  await harness.run((tx) => {
    tree = tx.newTreeId();
    tx.writePage(tree, 1, Buffer.from(page));
  });
  const view = new View();
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 6 }), async (edits) => {
      await harness.run((tx) => {
        for (const { from, size, capacity, fill } of edits) {
          const { buf, start, end } = tx.editPage(tree, 1, { capacity, from, to: from + size });
          buf.fill(fill, start, start + HEADER_BYTES);
          buf.fill(fill, Math.min(start + from, end), Math.min(start + from + size, end));
        }
      }, false);
      await harness.run((tx) => {
        tx.readPage(tree, 1, view);
        expect(view.buf.subarray(view.start, view.end).equals(page)).toBe(true);
      });
    }),
    { numRuns: 300 },
  );
  await harness.close();
});

/** A keyed tree and a list in one slot, with what they should hold. */
class TwoTrees {
  readonly keyed = new KeyedTree();
  readonly list = new ListTree();
  readonly descriptors = [Buffer.alloc(DESCRIPTOR_BYTES), Buffer.alloc(DESCRIPTOR_BYTES)] as const;
  keys = new Map<string, string>();
  elements: string[] = [];

  create(tx: Transaction): void {
    this.keyed.create(tx);
    this.list.create(tx);
    this.keyed.writeDescriptor(this.descriptors[0], 0);
    this.list.writeDescriptor(this.descriptors[1], 0);
  }

  /** Changes both by random numbers; what they should hold then is answered. */
  change(tx: Transaction, numbers: readonly number[]): Pick<TwoTrees, "keys" | "elements"> {
    this.keyed.open(tx, this.descriptors[0], 0);
    this.list.open(tx, this.descriptors[1], 0);
    const keys = new Map(this.keys);
    const elements = [...this.elements];
    for (const number of numbers) {
      const key = Buffer.from(`key ${number % 512}`.padEnd(40));
      const value = Buffer.from(String.fromCharCode(97 + (number % 23)).repeat(number % 297));
      if (number % 3 === 0) {
        this.keyed.delete(key, 0, key.length);
        keys.delete(key.toString());
      } else {
        this.keyed.put(key, 0, key.length, value, 0, value.length);
        keys.set(key.toString(), value.toString());
      }
      const position = number % (elements.length + 1);
      if (number % 4 === 0 && position < elements.length) {
        this.list.remove(position);
        elements.splice(position, 1);
      } else {
        this.list.insert(position, key, 0, key.length);
        elements.splice(position, 0, key.toString());
      }
    }
    return { keys, elements };
  }

  compare(tx: Transaction): void {
    this.keyed.open(tx, this.descriptors[0], 0);
    this.list.open(tx, this.descriptors[1], 0);
    const out = new View();
    const textOf = () => out.buf.toString("latin1", out.start, out.end);
    expect([this.keyed.count, this.list.count]).toEqual([this.keys.size, this.elements.length]);
    for (const [name, text] of this.keys) {
      const key = Buffer.from(name);
      expect(this.keyed.get(key, 0, key.length, out) && textOf()).toBe(text);
    }
    for (const [position, text] of this.elements.entries()) {
      this.list.get(position, out);
      expect(textOf()).toBe(text);
    }
  }
}

test("trees that miss in the middle of their changes, or are given up, agree with a model", async () => {
  const change = fc.record({ numbers: fc.array(fc.nat(1_000_000), { maxLength: 40 }), keeps: fc.nat(3) });
  let missCount = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (changes) => {
      const harness = await EngineHarness.open({ engine: { cacheBytes: TINY_CACHE_BYTES } });
      harness.slowReads(1000);
      const trees = new TwoTrees();
      await harness.run((tx) => trees.create(tx));
      const filling = { numbers: Array.from({ length: 1500 }, (_, i) => i * 97), keeps: 1 };
      for (const { numbers, keeps } of [filling, ...changes]) {
        const after = await harness.run((tx) => trees.change(tx, numbers), keeps > 0);
        if (keeps > 0) {
          trees.keys = after.keys;
          trees.elements = after.elements;
          trees.keyed.writeDescriptor(trees.descriptors[0], 0);
          trees.list.writeDescriptor(trees.descriptors[1], 0);
        }
        if (numbers.length % 4 === 0) await harness.engine.flusher.flushAll();
      }
      await harness.run((tx) => trees.compare(tx));
      missCount += harness.missCount;
      await harness.close();
    }),
    { numRuns: 25 },
  );
  expect(missCount).toBeGreaterThan(0);
});

test("a value that is overwritten and given up is as before, to its last byte", async () => {
  const harness = await EngineHarness.open({});
  const tree = new KeyedTree();
  const descriptor = Buffer.alloc(DESCRIPTOR_BYTES);
  const key = Buffer.from("key");
  const put = (value: string) => tree.put(key, 0, key.length, Buffer.from(value), 0, value.length);
  await harness.run((tx) => {
    tree.create(tx);
    tree.put(Buffer.from("other"), 0, 5, key, 0, 3);
    put("old value");
    tree.writeDescriptor(descriptor, 0);
  });
  for (const value of ["new VALUE", "shorter", "much longer than before"]) {
    await harness.run((tx) => {
      tree.open(tx, descriptor, 0);
      put(value);
    }, false);
    await harness.run((tx) => {
      tree.open(tx, descriptor, 0);
      const out = new View();
      expect(tree.get(key, 0, key.length, out)).toBe(true);
      expect(out.buf.toString("latin1", out.start, out.end)).toBe("old value");
    });
  }
  await harness.close();
});
