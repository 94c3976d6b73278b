import fc from "fast-check";
import { expect, test } from "vitest";
import * as codec from "../../../node/engine/key-codec.ts";

const whole = (text: string) => {
  const buf = Buffer.from(text);
  return { buf, start: 0, end: buf.length };
};

test("a record's key is the documented example", () => {
  expect(codec.recordKey(7, 0x9d3c01f2, whole("a")).toString("hex")).toBe("0000000000000007019d3c01f261");
});

test("keys give back what they were made of", () => {
  expect(codec.parseSlotKey(codec.slotKey(0xfffffffe, 16383))).toEqual({ table: 0xfffffffe, slot: 16383 });
  expect(codec.parseDroppedGenerationKey(codec.droppedGenerationKey(2 ** 40 + 5))).toBe(2 ** 40 + 5);
  expect(codec.parseDroppedTreeKey(codec.droppedTreeKey(9, 2 ** 47 + 3))).toBe(2 ** 47 + 3);
  const expiry = codec.expiryKey(3, { expireAtMs: 1_700_000_000_000, hash: 5 }, whole("key"));
  expect(codec.expiryKeyTime(expiry)).toBe(1_700_000_000_000);
  expect(expiry.toString("latin1", codec.EXPIRY_KEY_OFFSET)).toBe("key");
  const record = codec.recordKey(3, 0xffffffff, whole("key"));
  expect(codec.recordKeyHash(record)).toBe(0xffffffff);
  expect(record.toString("latin1", codec.RECORD_KEY_OFFSET)).toBe("key");
});

const isWithin = (key: Buffer, range: { gte: Buffer; lt: Buffer }) =>
  Buffer.compare(key, range.gte) >= 0 && Buffer.compare(key, range.lt) < 0;

test("a range holds its own keys and no others", () => {
  const hash = fc.nat(0xffffffff);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 50 }),
      hash,
      hash,
      fc.integer({ min: 1, max: 2 ** 47 }),
      (g, h, from, tree) => {
        const record = codec.recordKey(g, h, whole("k"));
        expect(isWithin(record, codec.recordRange(g, from))).toBe(h >= from);
        expect(isWithin(record, codec.generationRange(g))).toBe(true);
        expect(isWithin(record, codec.generationRange(g + 1))).toBe(false);
        expect(isWithin(codec.pageKey(g, tree, 0xffffffff), codec.treeRange(g, tree))).toBe(true);
        expect(isWithin(codec.pageKey(g, tree + 1, 0), codec.treeRange(g, tree))).toBe(false);
        expect(isWithin(codec.pageKey(g, tree, 1), codec.recordRange(g, 0))).toBe(false);
        const expiry = codec.expiryKey(g, { expireAtMs: h, hash: 0 }, whole(""));
        expect(isWithin(expiry, codec.expiryRange(g, 1))).toBe(true);
        expect(isWithin(codec.droppedTreeKey(g, tree), codec.droppedTreeRange(g, 1))).toBe(true);
      },
    ),
  );
  expect(isWithin(codec.slotKey(1, 2), codec.slotKeyRange())).toBe(true);
  expect(isWithin(codec.droppedGenerationKey(1), codec.droppedGenerationRange())).toBe(true);
  expect(isWithin(codec.countersKey(), codec.slotKeyRange())).toBe(false);
});
