import { expect, test } from "vitest";
import { crc32 } from "../../../node/base/crc32.ts";
import {
  checkIdentity,
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentName,
  segmentName,
} from "../../../node/binlog/segment.ts";
import type { NodeId } from "../../../node/meta/ids.ts";
import { LOG_IDENTITY } from "../../support/test-log.ts";

const header = { ...LOG_IDENTITY, firstSequence: 2 ** 33, durable: { segment: 12, offset: 345 } };

test("a header and a name come back as they were", () => {
  expect(decodeSegmentHeader(encodeSegmentHeader(header), "x")).toEqual(header);
  expect(segmentName(42)).toBe("00000000000000000042.log");
  expect(parseSegmentName(segmentName(2 ** 40))).toBe(2 ** 40);
  expect(parseSegmentName("lost-writes")).toBeUndefined();
});

test("a header with any flipped bit is damaged", () => {
  const bytes = encodeSegmentHeader(header);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] as number) ^ 4;
    expect(decodeSegmentHeader(flipped, "x")).toBeUndefined();
  }
  expect(decodeSegmentHeader(bytes.subarray(0, 79), "x")).toBeUndefined();
});

test("a newer format is refused with both versions", () => {
  const bytes = encodeSegmentHeader(header);
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(crc32(bytes, 0, 76), 76);
  expect(() => decodeSegmentHeader(bytes, "/d/x.log")).toThrow(/\/d\/x\.log: format version 2, this program knows 1/);
});

test("another node's segment is refused", () => {
  expect(() => checkIdentity(header, { ...LOG_IDENTITY, node: "b".repeat(32) as NodeId }, "x")).toThrow(
    expect.objectContaining({ code: "BinlogOfAnother" }),
  );
  checkIdentity(header, LOG_IDENTITY, "x");
});
