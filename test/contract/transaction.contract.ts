/**
 * What every Transaction must do. `create` gives a harness over an empty slot; its runs repeat a body that missed.
 * Operations and model are exported: the engine's own model test runs them with flushes, evictions and crashes between.
 */

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hash32 } from "../../node/base/hash.ts";
import { HEADER_BYTES } from "../../node/engine/page.ts";
import {
  hasRecordExpiry,
  RECORD_STRING,
  recordPayloadStart,
  writeRecordHeader,
} from "../../node/engine/record-format.ts";
import { SCANNED_VALUE_BYTES } from "../../node/engine/record-pack.ts";
import { type Transaction, View } from "../../node/engine/transaction.ts";

export interface TransactionHarness {
  /** Runs `body` to its end in a transaction that is committed, or rolled back if `keeps` is false. */
  run<T>(body: (tx: Transaction) => T, keeps?: boolean): Promise<T>;
  close(): Promise<void>;
}

const HEAD = Buffer.from([RECORD_STRING]);

export function readText(tx: Transaction, key: string): string | undefined {
  const buf = Buffer.from(`[${key}]`);
  const view = new View();
  if (!tx.readRecord(buf, 1, buf.length - 1, view)) return undefined;
  return view.buf.toString("latin1", recordPayloadStart(view.buf, view.start), view.end);
}

export function writeText(tx: Transaction, key: string, value: string): void {
  const buf = Buffer.from(`[${key}]`);
  const body = Buffer.from(`<${value}>`, "latin1");
  tx.writeRecord({ buf, start: 1, end: buf.length - 1 }, HEAD, body, 1, body.length - 1);
}

/** A head of a record that expires, a fresh one: heads must stay as they are until the commit. */
function expiringHead(): Buffer {
  const head = Buffer.alloc(9);
  writeRecordHeader(head, 0, { type: RECORD_STRING, isTree: false, expireAtMs: 5_000_000_000_000 });
  return head;
}

function writeExpiringText(tx: Transaction, key: string, value: string): void {
  const buf = Buffer.from(key);
  const body = Buffer.from(value, "latin1");
  tx.writeRecord({ buf, start: 0, end: buf.length }, expiringHead(), body, 0, body.length);
}

function deleteText(tx: Transaction, key: string): void {
  const buf = Buffer.from(key);
  tx.deleteRecord(buf, 0, buf.length);
}

/** All records from `fromHash` on by one or several scans that stop after `count` records each. */
export function scanAll(tx: Transaction, count = Number.POSITIVE_INFINITY): [string, string][] {
  const found: [string, string][] = [];
  for (let from = 0; from >= 0; ) {
    let left = count;
    from = tx.scanRecords(from, (key, value) => {
      found.push([
        key.buf.toString("utf8", key.start, key.end),
        value.buf.toString(
          "latin1",
          recordPayloadStart(value.buf, value.start),
          Math.min(value.end, value.start + SCANNED_VALUE_BYTES),
        ),
      ]);
      return --left > 0;
    });
  }
  return found;
}

/** What `scanAll` must answer for a model: of `expiring` records the header alone is sure to be there. */
export function inHashOrder(
  tx: Transaction,
  model: ReadonlyMap<string, string>,
  expiring: ReadonlySet<string> = new Set(),
): [string, string][] {
  const hashOf = (key: string) => hash32(tx.hashKey, Buffer.from(key), 0, Buffer.byteLength(key));
  const seen = [...model].map(([key, value]): [string, string] => [
    key,
    expiring.has(key) ? "" : value.slice(0, SCANNED_VALUE_BYTES - 1),
  ]);
  return seen.sort(([a], [b]) => hashOf(a) - hashOf(b) || (a < b ? -1 : 1));
}

export type Operation =
  | { readonly kind: "write"; readonly key: string; readonly value: string }
  | { readonly kind: "writeExpiring"; readonly key: string; readonly value: string }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "rename"; readonly key: string; readonly to: string }
  | { readonly kind: "writePage"; readonly page: number; readonly fill: number; readonly length: number }
  | {
      readonly kind: "editPage";
      readonly page: number;
      readonly fill: number;
      readonly capacity: number;
      readonly from: number;
      readonly size: number;
    }
  | { readonly kind: "deletePage"; readonly page: number }
  | { readonly kind: "discardTree" }
  | { readonly kind: "flushAll" };

const key = fc.string({ unit: fc.constantFrom("a", "b", "c", "d", "é"), minLength: 0, maxLength: 2 });
const value = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 20 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, "?")) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("x", "y"), fc.nat(3000)).map(([byte, count]) => byte.repeat(count)),
  },
);
const page = fc.integer({ min: 1, max: 4 });
const fill = fc.nat(255);

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("write" as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("writeExpiring" as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename" as const), key, to: key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("writePage" as const),
      page,
      fill,
      length: fc.integer({ min: 1, max: 5000 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("editPage" as const),
      page,
      fill,
      capacity: fc.nat(5000),
      from: fc.nat(5000),
      size: fc.oneof(fc.nat(40), fc.nat(5000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deletePage" as const), page }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("discardTree" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flushAll" as const) }) },
);

/** The state that operations make: records, and the pages of one tree at a time. */
export class SlotModel {
  records = new Map<string, string>();
  /** Keys of the records that have an expiry. */
  expiring = new Set<string>();
  pages = new Map<number, Buffer>();
  tree = 0;

  clone(): SlotModel {
    const copy = new SlotModel();
    copy.records = new Map(this.records);
    copy.expiring = new Set(this.expiring);
    copy.pages = new Map(this.pages);
    copy.tree = this.tree;
    return copy;
  }
}

/** Does the same to a transaction and to the model, and compares what both read on the way. */
export function applyOperation(tx: Transaction, model: SlotModel, each: Operation): void {
  switch (each.kind) {
    case "write":
      writeText(tx, each.key, each.value);
      model.records.set(each.key, each.value);
      model.expiring.delete(each.key);
      break;
    case "writeExpiring":
      writeExpiringText(tx, each.key, each.value);
      model.records.set(each.key, each.value);
      model.expiring.add(each.key);
      break;
    case "delete":
      deleteText(tx, each.key);
      model.records.delete(each.key);
      model.expiring.delete(each.key);
      break;
    case "rename":
      applyRename(tx, model, each.key, each.to);
      break;
    case "discardTree":
      if (model.tree !== 0) tx.discardTree(model.tree);
      model.tree = 0;
      model.pages.clear();
      break;
    case "flushAll":
      tx.flushAll();
      model.records.clear();
      model.expiring.clear();
      model.pages.clear();
      model.tree = 0;
      break;
    default:
      applyPageOperation(tx, model, each);
  }
  expect(tx.recordCount()).toBe(model.records.size);
  expect(tx.expiringCount()).toBe(model.expiring.size);
}

function applyRename(tx: Transaction, model: SlotModel, from: string, to: string): void {
  const view = new View();
  const buf = Buffer.from(from);
  const isThere = tx.readRecord(buf, 0, buf.length, view);
  const text = model.records.get(from);
  expect(isThere).toBe(text !== undefined);
  if (text === undefined || from === to) return;
  const target = Buffer.from(to);
  // The body is a View of the other record: it must be copied before that memory is used for something else.
  const expires = hasRecordExpiry(view.buf, view.start);
  const start = recordPayloadStart(view.buf, view.start);
  const head = expires ? expiringHead() : HEAD;
  tx.writeRecord({ buf: target, start: 0, end: target.length }, head, view.buf, start, view.end);
  tx.deleteRecord(buf, 0, buf.length);
  model.records.set(to, text);
  model.records.delete(from);
  if (expires) model.expiring.add(to);
  else model.expiring.delete(to);
  model.expiring.delete(from);
}

type PageOperation = Extract<Operation, { readonly page: number }>;

function applyPageOperation(tx: Transaction, model: SlotModel, each: PageOperation): void {
  if (model.tree === 0) model.tree = tx.newTreeId();
  const known = model.pages.get(each.page);
  if (each.kind === "writePage") {
    tx.writePage(model.tree, each.page, Buffer.alloc(each.length, each.fill));
    model.pages.set(each.page, Buffer.alloc(each.length, each.fill));
  } else if (known === undefined) {
    return;
  } else if (each.kind === "deletePage") {
    tx.deletePage(model.tree, each.page);
    model.pages.delete(each.page);
  } else {
    const change = { capacity: each.capacity, from: each.from, to: each.from + each.size };
    const { buf, start, end } = tx.editPage(model.tree, each.page, change);
    const length = Math.max(known.length, each.capacity);
    expect(end - start).toBe(length);
    const changed = Buffer.alloc(length);
    known.copy(changed);
    // Header, what was named and what is new: at times not all of it.
    const isHeaderKept = each.fill % 3 === 0;
    for (let i = 0; i < length; i++) {
      const isNamed = i >= change.from && i < change.to;
      if (isNamed || i >= known.length || (i < HEADER_BYTES && !isHeaderKept)) changed[i] = each.fill;
      buf[start + i] = changed[i] as number;
    }
    const again = tx.editPage(model.tree, each.page, { capacity: 1, from: 0, to: 0 });
    expect([again.buf === buf, again.start, again.end]).toEqual([true, start, end]);
    model.pages.set(each.page, changed);
  }
}

/** Compares all that can be read with the model. */
export function compareWithModel(tx: Transaction, model: SlotModel): void {
  expect(tx.recordCount()).toBe(model.records.size);
  expect(tx.expiringCount()).toBe(model.expiring.size);
  for (const name of ["", "a", "b", "ab", "é", "cc", ...model.records.keys()]) {
    expect(readText(tx, name)).toBe(model.records.get(name));
  }
  expect(scanAll(tx)).toEqual(inHashOrder(tx, model.records, model.expiring));
  const view = new View();
  for (const [number, bytes] of model.pages) {
    tx.readPage(model.tree, number, view);
    expect(view.buf.subarray(view.start, view.end).equals(bytes)).toBe(true);
  }
}

export function describeTransaction(name: string, create: () => Promise<TransactionHarness>): void {
  describe(`${name} is a Transaction`, () => {
    let slot: TransactionHarness;

    beforeEach(async () => {
      slot = await create();
    });

    afterEach(async () => {
      await slot.close();
    });

    test("reads its own writes, and others' after the commit only", async () => {
      await slot.run((tx) => {
        expect(readText(tx, "k")).toBeUndefined();
        writeText(tx, "k", "one");
        expect(readText(tx, "k")).toBe("one");
        writeText(tx, "k", "two");
        expect(readText(tx, "k")).toBe("two");
      }, false);
      expect(await slot.run((tx) => readText(tx, "k"))).toBeUndefined();
      await slot.run((tx) => writeText(tx, "k", "three"));
      expect(await slot.run((tx) => readText(tx, "k"))).toBe("three");
      await slot.run((tx) => deleteText(tx, "k"), false);
      expect(await slot.run((tx) => [readText(tx, "k"), tx.recordCount()])).toEqual(["three", 1]);
      await slot.run((tx) => deleteText(tx, "k"));
      expect(await slot.run((tx) => [readText(tx, "k"), tx.recordCount()])).toEqual([undefined, 0]);
    });

    test("a View stays as it was while other records are written", async () => {
      await slot.run((tx) => {
        for (let i = 0; i < 20; i++) writeText(tx, `k${i}`, `value ${i}`);
      });
      await slot.run((tx) => {
        const view = new View();
        const buf = Buffer.from("k7");
        tx.readRecord(buf, 0, 2, view);
        for (let i = 0; i < 20; i++) if (i !== 7) writeText(tx, `k${i}`, "other".repeat(i));
        expect(view.buf.toString("latin1", view.start + 1, view.end)).toBe("value 7");
      });
    });

    test("a record whose new value is a part of the old one", async () => {
      await slot.run((tx) => writeText(tx, "k", "abcdefghijklmnopqrstuvwxyz"));
      const head = Buffer.alloc(9);
      writeRecordHeader(head, 0, { type: RECORD_STRING, isTree: false, expireAtMs: 5 });
      await slot.run((tx) => {
        const view = new View();
        const buf = Buffer.from("k");
        tx.readRecord(buf, 0, 1, view);
        tx.writeRecord({ buf, start: 0, end: 1 }, head, view.buf, view.start + 1, view.end - 1);
      });
      expect(await slot.run((tx) => readText(tx, "k"))).toBe("abcdefghijklmnopqrstuvwxy");
    });

    test("a page that does not exist is no silent nothing", async () => {
      await expect(slot.run((tx) => tx.readPage(tx.newTreeId(), 1, new View()))).rejects.toThrow();
    });

    test("scans stop where they are told and go on from there", async () => {
      const model = new Map(Array.from({ length: 300 }, (_, i) => [`key ${i}`, `${i}`]));
      await slot.run((tx) => {
        for (const [name, text] of model) writeText(tx, name, text);
      });
      await slot.run((tx) => {
        expect(scanAll(tx, 7)).toEqual(inHashOrder(tx, model));
        deleteText(tx, "key 7");
        writeText(tx, "key new", "new");
        model.delete("key 7");
        model.set("key new", "new");
        expect(scanAll(tx, 50)).toEqual(inHashOrder(tx, model));
      });
    });

    test("agrees with a model, one and many operations to a transaction", async () => {
      const runs = fc.array(fc.record({ operations: fc.array(operation, { maxLength: 12 }), keeps: fc.nat(4) }));
      await fc.assert(
        fc.asyncProperty(runs, async (list) => {
          let model = new SlotModel();
          await slot.run((tx) => tx.flushAll());
          for (const { operations, keeps } of list) {
            const after = await slot.run((tx) => {
              const next = model.clone();
              for (const each of operations) applyOperation(tx, next, each);
              compareWithModel(tx, next);
              return next;
            }, keeps > 0);
            if (keeps > 0) model = after;
            await slot.run((tx) => compareWithModel(tx, model));
          }
        }),
        { numRuns: 60 },
      );
    });
  });
}
