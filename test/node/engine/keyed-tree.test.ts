import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyedTree } from "../../../node/engine/keyed-tree.ts";
import { View } from "../../../node/engine/transaction.ts";
import { TreeCursor } from "../../../node/engine/tree-cursor.ts";
import { StoredTree } from "../../support/stored-tree.ts";
import { checkTree } from "../../support/tree-invariants.ts";

type Stored = StoredTree<KeyedTree>;

function put(stored: Stored, key: Buffer, value: Buffer): boolean {
  return stored.run((tree) => tree.put(key, 0, key.length, value, 0, value.length));
}

function get(stored: Stored, key: Buffer): string | undefined {
  const out = new View();
  return stored.run((tree) => (tree.get(key, 0, key.length, out) ? textOf(out) : undefined));
}

function entriesOf(stored: Stored): [string, string][] {
  return stored.run((tree) => {
    const cursor = new TreeCursor();
    const all: [string, string][] = [];
    for (let more = cursor.seekRank(tree, 0); more; more = cursor.next()) {
      all.push([textOf(cursor.key), textOf(cursor.value)]);
    }
    return all;
  });
}

function textOf(view: View): string {
  return view.buf.toString("latin1", view.start, view.end);
}

/** A model: a map, and its keys in the order of their bytes. */
function sortedEntries(model: ReadonlyMap<string, string>): [string, string][] {
  return [...model].sort(([a], [b]) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1")));
}

type Step =
  | { readonly kind: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: "delete"; readonly key: Buffer }
  | { readonly kind: "replace"; readonly key: Buffer; readonly fill: number; readonly longer: number }
  | { readonly kind: "removeRange"; readonly from: number; readonly length: number }
  | { readonly kind: "fill"; readonly first: number; readonly count: number; readonly step: number };

/** Keys that collide often and differ in length, some very long; values from nothing to several pages. */
const key = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300).map((n) => Buffer.from(`key:${n}`)) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(3), fc.nat(6000)).map(([n, size]) => Buffer.alloc(size + 1, 65 + n)) },
);
const value = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40).map((size) => Buffer.alloc(size, "v")) },
  { weight: 3, arbitrary: fc.nat(1500).map((size) => Buffer.alloc(size, "w")) },
  { weight: 1, arbitrary: fc.nat(20_000).map((size) => Buffer.alloc(size, "x")) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("put" as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("replace" as const),
      key,
      fill: fc.integer({ min: 65, max: 90 }),
      longer: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("removeRange" as const), from: fc.nat(300), length: fc.nat(200) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("fill" as const),
      first: fc.nat(9999),
      count: fc.nat(400),
      step: fc.constantFrom(1, -1, 7),
    }),
  },
);

function runStep(stored: Stored, model: Map<string, string>, next: Step): void {
  switch (next.kind) {
    case "put": {
      const isNew = !model.has(next.key.toString("latin1"));
      expect(put(stored, next.key, next.value)).toBe(isNew);
      model.set(next.key.toString("latin1"), next.value.toString("latin1"));
      break;
    }
    case "delete": {
      const wasThere = model.delete(next.key.toString("latin1"));
      expect(stored.run((tree) => tree.delete(next.key, 0, next.key.length))).toBe(wasThere);
      break;
    }
    case "replace": {
      const old = model.get(next.key.toString("latin1"));
      if (old === undefined) break;
      const size = old.length + next.longer;
      const isReplaced = stored.run((tree) => {
        expect(tree.get(next.key, 0, next.key.length, new View())).toBe(true);
        return tree.replaceFound(Buffer.alloc(size, next.fill), 0, size);
      });
      expect(isReplaced).toBe(next.longer === 0);
      if (isReplaced) model.set(next.key.toString("latin1"), String.fromCharCode(next.fill).repeat(size));
      break;
    }
    case "removeRange": {
      const from = Math.min(next.from, model.size);
      const to = Math.min(from + next.length, model.size);
      for (const [gone] of sortedEntries(model).slice(from, to)) model.delete(gone);
      stored.run((tree) => tree.removeRange(from, to));
      break;
    }
    case "fill": {
      stored.run((tree) => {
        for (let i = 0; i < next.count; i++) {
          const text = Buffer.from(`fill:${String(next.first + i * next.step + 5000).padStart(6, "0")}`);
          tree.put(text, 0, text.length, text, 0, text.length);
        }
      });
      for (let i = 0; i < next.count; i++) {
        const text = `fill:${String(next.first + i * next.step + 5000).padStart(6, "0")}`;
        model.set(text, text);
      }
      break;
    }
  }
}

describe.each([
  { name: "warm", missEverything: false, numRuns: 150 },
  { name: "missing", missEverything: true, numRuns: 30 },
])("a keyed tree, $name", ({ missEverything, numRuns }) => {
  test("holds what a sorted map holds, and keeps its invariants", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const stored = new StoredTree(new KeyedTree(), missEverything);
        const model = new Map<string, string>();
        for (const next of steps) {
          runStep(stored, model, next);
          checkTree(stored.tx, stored.tree);
        }
        const expected = sortedEntries(model);
        expect(entriesOf(stored)).toEqual(expected);
        for (const [text, content] of expected) expect(get(stored, Buffer.from(text, "latin1"))).toBe(content);
        expect(stored.tx.pages.size).toBeGreaterThan(0);
      }),
      { numRuns },
    );
  });

  test("finds ranks and keys by rank, and walks both ways from any place", () => {
    const anyKeys = fc.uniqueArray(fc.nat(5000), { minLength: 1, maxLength: 600 });
    fc.assert(
      fc.property(anyKeys, fc.nat(5000), fc.nat(4), (numbers, probe, steps) => {
        const stored = new StoredTree(new KeyedTree(), missEverything);
        const keys = numbers.map((n) => Buffer.from(`${n} `.padStart(5 + (n % 40), "0")));
        stored.run((tree) => keys.forEach((k) => void tree.put(k, 0, k.length, k, 0, k.length)));
        const sorted = keys.toSorted(Buffer.compare).map(String);
        const bound = Buffer.from(`${probe} `.padStart(5 + (probe % 40), "0"));
        const below = sorted.filter((k) => Buffer.compare(Buffer.from(k), bound) < 0).length;
        expect(stored.run((tree) => tree.countBelow(bound, 0, bound.length))).toBe(below);
        const forward = stored.run((tree) => {
          const cursor = new TreeCursor();
          const seen: string[] = [];
          let more = cursor.seekKey(tree, bound, 0, bound.length);
          for (let i = 0; more && i <= steps; i++, more = cursor.next()) seen.push(textOf(cursor.key));
          return seen;
        });
        expect(forward).toEqual(sorted.slice(below, below + steps + 1));
        const backward = stored.run((tree) => {
          const cursor = new TreeCursor();
          const seen: string[] = [];
          let more = cursor.seekRank(tree, below - 1);
          for (let i = 0; more && i <= steps; i++, more = cursor.previous()) seen.push(textOf(cursor.key));
          return seen;
        });
        expect(backward).toEqual(sorted.slice(Math.max(0, below - steps - 1), below).reverse());
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });
});

test("ascending and descending inserts fill their pages", () => {
  for (const direction of [1, -1]) {
    const stored = new StoredTree(new KeyedTree(), false);
    stored.run((tree) => {
      for (let i = 0; i < 20_000; i++) {
        const text = Buffer.from(String(50_000 + direction * i));
        tree.put(text, 0, text.length, text, 0, text.length);
      }
    });
    checkTree(stored.tx, stored.tree);
    const fullPages = stored.tree.sizeBytes / 4084;
    expect(stored.tx.pages.size).toBeLessThan(fullPages * 1.1 + 3);
  }
});

test("a point operation in 100,000 elements reads a page a level", () => {
  const stored = new StoredTree(new KeyedTree(), false);
  const keyOf = (i: number) => Buffer.from(String((i * 7919) % 100_003).padStart(6, "0"));
  stored.run((tree) => {
    for (let i = 0; i < 100_000; i++) tree.put(keyOf(i), 0, 6, keyOf(i), 0, 6);
  });
  checkTree(stored.tx, stored.tree);
  const levels = stored.tree.height + 1;
  const reads = stored.run((tree) => {
    tree.countBelow(keyOf(123), 0, 6);
    return stored.tx.readCount;
  });
  expect(reads).toBe(levels);
  expect(levels).toBeLessThanOrEqual(4);
});

test("a copy is another tree with the same elements", () => {
  const stored = new StoredTree(new KeyedTree(), false);
  const copy = new KeyedTree();
  stored.run((tree) => {
    for (let i = 0; i < 5000; i++) tree.put(Buffer.from(`k${i}`), 0, String(i).length + 1, Buffer.from("v"), 0, 1);
  });
  stored.run((tree) => {
    tree.copyTo(copy);
    copy.delete(Buffer.from("k7"), 0, 2);
  });
  checkTree(stored.tx, copy);
  checkTree(stored.tx, stored.tree);
  expect([stored.tree.count, copy.count]).toEqual([5000, 4999]);
});

test("removing everything leaves one empty page", () => {
  const stored = new StoredTree(new KeyedTree(), false);
  for (let i = 0; i < 3; i++) {
    stored.run((tree) => {
      for (let n = 0; n < 3000; n++) tree.put(Buffer.from(`k${n}`), 0, String(n).length + 1, Buffer.from("v"), 0, 1);
    });
    stored.run((tree) => tree.removeRange(0, tree.count));
    expect(stored.tx.pages.size).toBe(1);
    checkTree(stored.tx, stored.tree);
  }
});
