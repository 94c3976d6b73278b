import { expect, test } from "vitest";
import * as format from "../../../node/engine/record-format.ts";

test("headers are the documented examples", () => {
  const out = Buffer.alloc(format.MAX_RECORD_HEADER_BYTES);
  const plain = { type: format.RECORD_STRING, isTree: false, expireAtMs: 0 } as const;
  expect(format.writeRecordHeader(out, 0, plain)).toBe(1);
  expect(out[0]).toBe(1);
  expect(format.writeRecordHeader(out, 0, { ...plain, expireAtMs: 1_700_000_000_000 })).toBe(9);
  expect(out.toString("hex")).toBe("110000018bcfe56800");
});

test.each([0, 1_700_000_000_000])("a header is read as it was written (expiry %d)", (expireAtMs) => {
  const out = Buffer.alloc(20, 0xff);
  const end = format.writeRecordHeader(out, 3, { type: format.RECORD_ZSET, isTree: true, expireAtMs });
  expect(format.recordType(out, 3)).toBe(format.RECORD_ZSET);
  expect(format.isRecordTree(out, 3)).toBe(true);
  expect(format.hasRecordExpiry(out, 3)).toBe(expireAtMs !== 0);
  expect(format.recordExpireAtMs(out, 3)).toBe(expireAtMs);
  expect(format.recordPayloadStart(out, 3)).toBe(end);
});

test("a record is expired from its time on", () => {
  const out = Buffer.alloc(format.MAX_RECORD_HEADER_BYTES);
  format.writeRecordHeader(out, 0, { type: format.RECORD_HASH, isTree: false, expireAtMs: 1000 });
  expect([999, 1000, 1001].map((nowMs) => format.isRecordExpired(out, 0, nowMs))).toEqual([false, true, true]);
  out[0] = format.RECORD_HASH;
  expect(format.isRecordExpired(out, 0, Number.MAX_SAFE_INTEGER)).toBe(false);
});
