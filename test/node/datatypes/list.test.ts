import fc from "fast-check";
import { expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { List } from "../../../node/datatypes/list.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const KEY = Argv.of("key");

function withList<T>(tx: MapTransaction, body: (list: List) => T): T {
  return tx.runToEnd((open) => {
    const list = new List();
    expect(list.open(open, KEY, 0)).toBe(true);
    const result = body(list);
    list.close();
    return result;
  });
}

function shown({ element }: List): string {
  return element.buf.toString("latin1", element.start, element.end);
}

function forward(list: List, from: number): string[] {
  const seen: string[] = [];
  list.visitForward(from, () => seen.push(shown(list)) > 0);
  return seen;
}

function backward(list: List, from: number): string[] {
  const seen: string[] = [];
  if (from >= 0) list.visitBackward(from, () => seen.push(shown(list)) > 0);
  return seen;
}

// Short ones stay inline for long; one of 700 bytes makes a tree of three elements.
const element = fc.oneof(
  fc.constantFrom("", "a", "b", "c"),
  fc.integer({ min: 100, max: 700 }).map((n) => "x".repeat(n)),
);
const place = fc.nat(1000);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("insert" as const), place, element) },
  fc.tuple(fc.constant("set" as const), place, element),
  fc.tuple(fc.constant("remove" as const), place, fc.constantFrom("", "a", "b")),
  fc.tuple(fc.constant("range" as const), place, fc.constant("")),
);

function apply(list: List, model: string[], [kind, at, text]: readonly [string, number, string]): void {
  const bytes = Buffer.from(text);
  if (kind === "insert") {
    const position = at % (model.length + 1);
    list.insert(position, bytes, 0, bytes.length);
    model.splice(position, 0, text);
  } else if (kind === "set" && model.length > 0) {
    list.set(at % model.length, bytes, 0, bytes.length);
    model[at % model.length] = text;
  } else if (kind === "remove") {
    const isFromEnd = at % 2 === 1;
    const limit = 1 + (at % 3);
    const matching = model.flatMap((one, position) => (one === text ? [position] : []));
    const gone = isFromEnd ? matching.slice(-limit) : matching.slice(0, limit);
    expect(list.removeEqual({ buf: bytes, start: 0, end: bytes.length }, limit, isFromEnd)).toBe(gone.length);
    for (const position of gone.reverse()) model.splice(position, 1);
  } else if (kind === "range") {
    const from = at % (model.length + 1);
    const to = Math.min(model.length, from + (at % 4));
    list.removeRange(from, to);
    model.splice(from, to - from);
  }
}

it("behaves as an array, inline and as a tree", () => {
  const run = (steps: readonly (readonly [string, number, string])[]) => {
    const tx = new MapTransaction();
    const model: string[] = [];
    for (const one of steps) {
      withList(tx, (list) => apply(list, model, one));
      withList(tx, (list) => {
        expect(list.count()).toBe(model.length);
        const middle = model.length >> 1;
        expect(forward(list, 0)).toEqual(model);
        expect(forward(list, middle)).toEqual(model.slice(middle));
        expect(backward(list, middle - 1)).toEqual(model.slice(0, middle).reverse());
        if (model.length === 0) return;
        list.get(middle);
        expect(shown(list)).toBe(model[middle]);
      });
      expect(tx.records.size).toBe(model.length > 0 ? 1 : 0);
    }
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: "max" }), run), { numRuns: 60 });
});

it("leaves no pages behind when the last element goes", () => {
  const tx = new MapTransaction();
  const bytes = Buffer.alloc(900, "x");
  withList(tx, (list) => {
    for (let i = 0; i < 10; i++) list.insert(i, bytes, 0, bytes.length);
    expect(list.isTree).toBe(true);
  });
  expect(tx.pages.size).toBeGreaterThan(0);
  withList(tx, (list) => list.removeRange(0, 10));
  expect([tx.records.size, tx.pages.size]).toEqual([0, 0]);
});
