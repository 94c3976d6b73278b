import { beforeEach, expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { LiveRecord, TREE_FORM } from "../../../node/datatypes/record.ts";
import { RECORD_HASH, RECORD_STRING } from "../../../node/engine/record-format.ts";
import { View } from "../../../node/engine/transaction.ts";
import { MapTransaction } from "../../support/map-transaction.ts";

const record = new LiveRecord();
const key = Argv.of("k");
let tx: MapTransaction;

beforeEach(() => {
  tx = new MapTransaction();
});

function find(): boolean {
  return record.findArgument(tx, key, 0);
}

function store(kind: number, text: string, expireAtMs = 0): void {
  tx.runToEnd(() => {
    find();
    record.expireAtMs = expireAtMs;
    record.replace(tx, kind, Buffer.from(text, "latin1"), 0, text.length);
  });
}

function payload(): string {
  return record.buf.toString("latin1", record.payloadStart, record.payloadEnd);
}

/** A descriptor with the id of a tree that has one page. */
function makeTree(): { readonly id: number; readonly descriptor: string } {
  const id = tx.runToEnd(() => {
    const tree = tx.newTreeId();
    tx.writePage(tree, 1, Buffer.from("page"));
    return tree;
  });
  const descriptor = Buffer.alloc(32);
  descriptor.writeUIntBE(id, 0, 6);
  return { id, descriptor: descriptor.toString("latin1") };
}

test("a missing key is absent", () => {
  tx.runToEnd(() => {
    expect(find()).toBe(false);
    expect([record.exists, record.type, record.isTree, record.expireAtMs, record.payloadSize]).toEqual([
      false,
      0,
      false,
      0,
      0,
    ]);
    record.delete(tx);
    expect(tx.hasChanges()).toBe(false);
  });
});

test("what was written is found, with its header as the format says", () => {
  store(RECORD_STRING, "hi");
  expect(tx.records.get("k")).toEqual(Buffer.from([0x01, 0x68, 0x69]));
  store(RECORD_STRING, "hi", 1_800_000_000_000);
  expect(tx.records.get("k")?.[0]).toBe(0x11);
  tx.runToEnd(() => {
    expect(find()).toBe(true);
    expect([record.type, record.isTree, record.expireAtMs, payload()]).toEqual([
      RECORD_STRING,
      false,
      1_800_000_000_000,
      "hi",
    ]);
  });
});

test("a record is absent from its expiry on", () => {
  store(RECORD_STRING, "hi", tx.nowMs + 5);
  tx.nowMs += 4;
  expect(tx.runToEnd(find)).toBe(true);
  tx.nowMs += 1;
  expect(tx.runToEnd(find)).toBe(false);
  expect(record.type).toBe(0);
});

test("an expiry is changed without touching the payload, and removed", () => {
  store(RECORD_STRING, "hello");
  tx.runToEnd(() => {
    find();
    record.writeExpiry(tx, tx.nowMs + 10);
    expect(payload()).toBe("hello");
  });
  tx.runToEnd(() => {
    find();
    expect([record.expireAtMs, payload()]).toEqual([tx.nowMs + 10, "hello"]);
    record.writeExpiry(tx, 0);
  });
  expect(tx.records.get("k")?.toString("latin1")).toBe("\x01hello");
});

test("replacing and deleting give the trees to the collector, writing keeps them", () => {
  const first = makeTree();
  const second = makeTree();
  store(RECORD_HASH | TREE_FORM, first.descriptor + second.descriptor);
  tx.runToEnd(() => {
    find();
    expect([record.isTree, record.kind]).toEqual([true, RECORD_HASH | TREE_FORM]);
    record.write(tx, record.kind, Buffer.from(first.descriptor + second.descriptor, "latin1"), 0, 64);
  });
  expect(tx.pages.size).toBe(2);
  store(RECORD_STRING, "x");
  expect(tx.pages.size).toBe(0);

  const third = makeTree();
  store(RECORD_HASH | TREE_FORM, third.descriptor);
  tx.runToEnd(() => {
    find();
    record.delete(tx);
    expect(record.exists).toBe(false);
  });
  expect([tx.pages.size, tx.records.size]).toEqual([0, 0]);
});

test("a write over an expired collection discards its trees", () => {
  store(RECORD_HASH | TREE_FORM, makeTree().descriptor, tx.nowMs + 1);
  tx.nowMs += 10;
  tx.runToEnd(() => {
    expect(find()).toBe(false);
    record.write(tx, RECORD_STRING, Buffer.from("new"), 0, 3);
  });
  expect(tx.pages.size).toBe(0);
  expect(tx.records.get("k")?.toString("latin1")).toBe("\x01new");
});

test("a record may be removed while its trees live on elsewhere", () => {
  store(RECORD_HASH | TREE_FORM, makeTree().descriptor);
  tx.runToEnd(() => {
    find();
    record.deleteKeepingTrees(tx);
  });
  expect([tx.pages.size, tx.records.size]).toEqual([1, 0]);
});

test("a scanned value is read without a lookup", () => {
  const view = new View();
  view.buf = Buffer.from("..\x01abc");
  view.start = 2;
  view.end = 6;
  expect(record.read(tx, view)).toBe(true);
  expect(payload()).toBe("abc");
});

test("the buffer of a huge command is not kept", () => {
  const huge = Buffer.alloc(4 * 1024 * 1024, "k");
  tx.runToEnd(() => {
    record.find(tx, huge, 7, 8);
    record.write(tx, RECORD_STRING, huge, 0, 3);
    expect(record.key.buf.length + record.buf.length).toBe(4);
  });
  expect(tx.records.get("k")?.toString("latin1")).toBe("\x01kkk");
});
