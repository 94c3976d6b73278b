import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { Hash } from "../../../node/datatypes/hash.ts";
import { checkCollections } from "../../support/collection-invariants.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const KEY = Argv.of("key");

function withHash<T>(tx: MapTransaction, body: (hash: Hash) => T): T {
  return tx.runToEnd((open) => {
    const hash = new Hash();
    expect(hash.open(open, KEY, 0)).toBe(true);
    const result = body(hash);
    hash.close();
    return result;
  });
}

function entriesFrom(hash: Hash, index: number): [string, string][] {
  const entries: [string, string][] = [];
  hash.seek(index);
  while (hash.next()) {
    const { element, value } = hash;
    entries.push([
      element.buf.toString("latin1", element.start, element.end),
      value.buf.toString("latin1", value.start, value.end),
    ]);
  }
  return entries;
}

const field = fc.integer({ min: 0, max: 30 }).map((n) => `f${n}`);
const step = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    field,
    value: fc.integer({ min: 0, max: 400 }).map((n) => "v".repeat(n)),
  }),
  fc.record({ kind: fc.constant("remove" as const), field }),
);

it("behaves as a Map, inline and as a tree, and stores what its format says", () => {
  const run = (
    steps: readonly ({ kind: "put"; field: string; value: string } | { kind: "remove"; field: string })[],
  ) => {
    const tx = new MapTransaction();
    const model = new Map<string, string>();
    for (const one of steps) {
      const name = Buffer.from(one.field);
      withHash(tx, (hash) => {
        if (one.kind === "remove") {
          expect(hash.remove(name, 0, name.length)).toBe(model.delete(one.field));
          return;
        }
        const value = Buffer.from(one.value);
        expect(hash.put(name, 0, name.length, value, 0, value.length)).toBe(!model.has(one.field));
        model.set(one.field, one.value);
      });
      checkCollections(tx);
      withHash(tx, (hash) => {
        expect(hash.count()).toBe(model.size);
        expect(hash.find(name, 0, name.length)).toBe(model.has(one.field));
        const entries = entriesFrom(hash, 0);
        expect(new Map(entries)).toEqual(model);
        expect(entriesFrom(hash, model.size >> 1)).toEqual(entries.slice(model.size >> 1));
      });
    }
    expect(tx.records.size).toBe(model.size > 0 ? 1 : 0);
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: "max" }), run), { numRuns: 40 });
});

it("is not opened where another type is, and changes nothing by being looked at", () => {
  const tx = new MapTransaction();
  withHash(tx, (hash) => hash.put(Buffer.from("f"), 0, 1, Buffer.from("v"), 0, 1));
  withHash(tx, (hash) => expect(hash.find(Buffer.from("xfx"), 1, 2)).toBe(true));
  expect([...tx.lastChanges]).toEqual([]);
  withHash(tx, (hash) => expect(hash.remove(Buffer.from("g"), 0, 1)).toBe(false));
  expect([...tx.lastChanges]).toEqual([]);
});
