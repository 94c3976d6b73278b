import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ListTree } from "../../../node/engine/list-tree.ts";
import { View } from "../../../node/engine/transaction.ts";
import { TreeCursor } from "../../../node/engine/tree-cursor.ts";
import { StoredTree } from "../../support/stored-tree.ts";
import { checkTree } from "../../support/tree-invariants.ts";

type Stored = StoredTree<ListTree>;

type Step =
  | { readonly kind: "insert" | "set"; readonly place: number; readonly text: string }
  | { readonly kind: "remove"; readonly place: number }
  | { readonly kind: "removeRange"; readonly place: number; readonly length: number }
  | { readonly kind: "removeMatching"; readonly text: string; readonly limit: number; readonly isFromEnd: boolean }
  | { readonly kind: "pushMany"; readonly count: number; readonly isAtStart: boolean; readonly text: string };

const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("", "a", "b", "cc") },
  { weight: 3, arbitrary: fc.nat(900).map((size) => "d".repeat(size)) },
  { weight: 1, arbitrary: fc.nat(12_000).map((size) => "e".repeat(size)) },
);
/** Where in the list, as a share of its length in thousandths: both ends are hit often. */
const place = fc.oneof(fc.constantFrom(0, 1000), fc.nat(1000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom("insert" as const, "set" as const), place, text }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("removeRange" as const), place, length: fc.nat(600) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("removeMatching" as const),
      text,
      limit: fc.integer({ min: 1, max: 200 }),
      isFromEnd: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("pushMany" as const), count: fc.nat(500), isAtStart: fc.boolean(), text }),
  },
);

function elements(stored: Stored): string[] {
  return stored.run((tree) => {
    const cursor = new TreeCursor();
    const all: string[] = [];
    for (let more = cursor.seekRank(tree, 0); more; more = cursor.next()) all.push(textOf(cursor.value));
    return all;
  });
}

function textOf(view: View): string {
  return view.buf.toString("latin1", view.start, view.end);
}

/** Removes from the model what LREM would, and returns how many. */
function removeMatching(model: string[], what: string, how: { limit: number; isFromEnd: boolean }): number {
  const { limit, isFromEnd } = how;
  let removed = 0;
  while (removed < limit) {
    const index = isFromEnd ? model.lastIndexOf(what) : model.indexOf(what);
    if (index < 0) break;
    model.splice(index, 1);
    removed++;
  }
  return removed;
}

function runStep(stored: Stored, model: string[], next: Step): void {
  const at = (share: number, limit: number) => Math.floor((share * limit) / 1000);
  switch (next.kind) {
    case "insert": {
      const position = at(next.place, model.length);
      const bytes = Buffer.from(next.text);
      stored.run((tree) => tree.insert(position, bytes, 0, bytes.length));
      model.splice(position, 0, next.text);
      break;
    }
    case "set": {
      if (model.length === 0) break;
      const position = at(next.place, model.length - 1);
      const bytes = Buffer.from(next.text);
      stored.run((tree) => tree.set(position, bytes, 0, bytes.length));
      model[position] = next.text;
      break;
    }
    case "remove": {
      if (model.length === 0) break;
      const position = at(next.place, model.length - 1);
      stored.run((tree) => tree.remove(position));
      model.splice(position, 1);
      break;
    }
    case "removeRange": {
      const from = at(next.place, model.length);
      const to = Math.min(model.length, from + next.length);
      stored.run((tree) => tree.removeRange(from, to));
      model.splice(from, to - from);
      break;
    }
    case "removeMatching": {
      const bytes = Buffer.from(next.text);
      const { limit, isFromEnd } = next;
      const removed = stored.run((tree) =>
        tree.removeMatching({ buf: bytes, start: 0, end: bytes.length, limit, isFromEnd }),
      );
      expect(removed).toBe(removeMatching(model, next.text, { limit, isFromEnd }));
      break;
    }
    case "pushMany": {
      const bytes = Buffer.from(next.text);
      stored.run((tree) => {
        for (let i = 0; i < next.count; i++) {
          tree.insert(next.isAtStart ? 0 : tree.count, bytes, 0, bytes.length);
        }
      });
      const added = Array.from({ length: next.count }, () => next.text);
      model.splice(next.isAtStart ? 0 : model.length, 0, ...added);
      break;
    }
  }
}

test("small leaves that meet when their parents are merged are merged, too", () => {
  const stored = new StoredTree(new ListTree(), false);
  const model: string[] = [];
  const pushMany = (text: string, count: number, isAtStart: boolean) =>
    runStep(stored, model, { kind: "pushMany", text, count, isAtStart });
  // A parent of one small leaf, and beside it a full one whose first leaf is full.
  pushMany("e".repeat(2039), 127, false);
  pushMany("cc", 409, true);
  runStep(stored, model, { kind: "insert", place: 4, text: "" });
  checkTree(stored.tx, stored.tree);
  expect(elements(stored)).toEqual(model);
});

describe.each([
  { name: "warm", missEverything: false, numRuns: 150 },
  { name: "missing", missEverything: true, numRuns: 30 },
])("a tree list, $name", ({ missEverything, numRuns }) => {
  test("holds what an array holds, and keeps its invariants", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const stored = new StoredTree(new ListTree(), missEverything);
        const model: string[] = [];
        for (const next of steps) {
          runStep(stored, model, next);
          checkTree(stored.tx, stored.tree);
          expect(stored.tree.count).toBe(model.length);
        }
        expect(elements(stored)).toEqual(model);
      }),
      { numRuns },
    );
  });
});

test("a queue of 50,000 goes through a bounded number of pages", () => {
  const stored = new StoredTree(new ListTree(), false);
  const bytes = Buffer.from("0123456789");
  stored.run((tree) => {
    for (let i = 0; i < 5000; i++) tree.insert(0, bytes, 0, bytes.length);
    for (let i = 0; i < 50_000; i++) {
      tree.insert(0, bytes, 0, bytes.length);
      tree.remove(tree.count - 1);
    }
  });
  checkTree(stored.tx, stored.tree);
  expect(stored.tree.count).toBe(5000);
  expect(stored.tx.pages.size).toBeLessThan(25);
});

test("an element in the middle of 100,000 is found with a page a level", () => {
  const stored = new StoredTree(new ListTree(), false);
  stored.run((tree) => {
    for (let i = 0; i < 100_000; i++) {
      const bytes = Buffer.from(String(i));
      tree.insert(tree.count, bytes, 0, bytes.length);
    }
  });
  checkTree(stored.tx, stored.tree);
  const out = new View();
  const [found, reads] = stored.run((tree) => {
    tree.get(50_000, out);
    return [textOf(out), stored.tx.readCount];
  });
  expect([found, reads]).toEqual(["50000", stored.tree.height + 1]);
});

test("trimming all but the middle frees the pages without reading the leaves", () => {
  const stored = new StoredTree(new ListTree(), false);
  stored.run((tree) => {
    const bytes = Buffer.alloc(100, "x");
    for (let i = 0; i < 40_000; i++) tree.insert(tree.count, bytes, 0, 100);
  });
  const leaves = stored.tx.pages.size;
  const reads = stored.run((tree) => {
    tree.removeRange(20_010, 40_000);
    tree.removeRange(0, 20_000);
    return stored.tx.readCount;
  });
  checkTree(stored.tx, stored.tree);
  expect(stored.tree.count).toBe(10);
  expect(stored.tx.pages.size).toBe(1);
  expect(reads).toBeLessThan(leaves / 20);
});
