import { expect, test } from "vitest";
import { decodeSlotRecord, encodeSlotRecord, type SlotRecord } from "../../../node/engine/slot-record.ts";

const record: SlotRecord = {
  replica: 2,
  generation: 7,
  applied: { index: 2 ** 40, term: 3, crc: 0xfedcba98 },
  nowMs: 1_700_000_000_000,
  keyCount: 11,
  nextTreeId: 12,
  sizeBytes: 13,
  expiringCount: 14,
};

test("a slot record survives its encoding", () => {
  const bytes = encodeSlotRecord(record);
  expect(bytes.length).toBe(80);
  expect(bytes.toString("hex", 0, 24)).toBe("01000000fedcba9800000000000000020000000000000007");
  expect(bytes.toString("hex", 72)).toBe("000000000000000e");
  expect(decodeSlotRecord(bytes)).toEqual(record);
});

test("another version or length is refused", () => {
  const newer = encodeSlotRecord(record);
  newer[0] = 2;
  expect(() => decodeSlotRecord(newer)).toThrow(/version 2 .*newer version/);
  expect(() => decodeSlotRecord(Buffer.alloc(8, 1))).toThrow(/8 bytes/);
});
