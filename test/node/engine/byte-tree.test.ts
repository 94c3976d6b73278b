import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteTree } from "../../../node/engine/byte-tree.ts";
import { StoredTree } from "../../support/stored-tree.ts";
import { checkTree } from "../../support/tree-invariants.ts";
import { waitFor } from "../../support/wait-for.ts";

type Step =
  | { readonly kind: "append"; readonly bytes: Buffer }
  | { readonly kind: "overwrite"; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: "extend" | "truncate"; readonly length: number }
  | { readonly kind: "read"; readonly from: number; readonly to: number };

const bytes = fc
  .tuple(fc.oneof(fc.nat(50), fc.nat(5000), fc.nat(60_000)), fc.integer({ min: 1, max: 255 }))
  .map(([size, first]) => Buffer.from(Array.from({ length: size }, (_, i) => (first + i * 7) & 255)));
const length = fc.oneof(fc.nat(5000), fc.nat(100_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), bytes }),
  fc.record({ kind: fc.constant("overwrite" as const), offset: length, bytes }),
  fc.record({ kind: fc.constantFrom("extend" as const, "truncate" as const), length }),
  fc.record({ kind: fc.constant("read" as const), from: length, to: length }),
);

function readAll(tree: ByteTree, from: number, to: number): Buffer {
  const out = Buffer.alloc(to - from);
  let next = 0;
  tree.visit(from, to, (buf, start, end) => {
    next += buf.copy(out, next, start, end);
  });
  return out;
}

/** Applies the step to both and returns the new model. */
function runStep(stored: StoredTree<ByteTree>, model: Buffer, next: Step): Buffer {
  switch (next.kind) {
    case "append":
      stored.run((tree) => tree.append(next.bytes, 0, next.bytes.length));
      return Buffer.concat([model, next.bytes]);
    case "overwrite": {
      const offset = Math.min(next.offset, model.length);
      stored.run((tree) => tree.overwrite(offset, next.bytes, 0, next.bytes.length));
      return Buffer.concat([model.subarray(0, offset), next.bytes, model.subarray(offset + next.bytes.length)]);
    }
    case "extend":
      stored.run((tree) => tree.extend(next.length));
      return Buffer.concat([model, Buffer.alloc(Math.max(0, next.length - model.length))]);
    case "truncate":
      stored.run((tree) => tree.truncate(next.length));
      return model.subarray(0, next.length);
    case "read": {
      const from = Math.min(next.from, next.to, model.length);
      const to = Math.min(Math.max(next.from, next.to), model.length);
      expect(stored.run((tree) => readAll(tree, from, to)).equals(model.subarray(from, to))).toBe(true);
      return model;
    }
  }
}

describe.each([
  { name: "warm", missEverything: false, numRuns: 100 },
  { name: "missing", missEverything: true, numRuns: 30 },
])("a tree of bytes, $name", ({ missEverything, numRuns }) => {
  test("holds what a string holds, and keeps its invariants", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        const stored = new StoredTree(new ByteTree(), missEverything);
        let model: Buffer = Buffer.alloc(0);
        for (const next of steps) {
          model = runStep(stored, model, next);
          checkTree(stored.tx, stored.tree);
          expect(stored.tree.count).toBe(model.length);
        }
        expect(stored.run((tree) => readAll(tree, 0, tree.count)).equals(model)).toBe(true);
      }),
      { numRuns },
    );
  });
});

test("overwriting a part of 10 MB touches its chunks only", () => {
  const stored = new StoredTree(new ByteTree(), false);
  stored.run((tree) => tree.extend(10_000_000));
  checkTree(stored.tx, stored.tree);
  const reads = stored.run((tree) => {
    tree.overwrite(5_000_000, Buffer.from("part"), 0, 4);
    return stored.tx.readCount;
  });
  expect(reads).toBe(stored.tree.height + 1);
  expect(stored.tx.lastChanges.size).toBe(1);
});

test("a handle that is kept keeps no input alive", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const stored = new StoredTree(new ByteTree(), false);
  const append = () => {
    const input = Buffer.alloc(100_000, "x");
    stored.run((tree) => tree.append(input, 0, input.length));
    return new WeakRef(input);
  };
  const input = append();
  await waitFor(() => {
    collect();
    return input.deref() === undefined;
  });
});
