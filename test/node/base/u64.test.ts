import fc from "fast-check";
import { expect, test } from "vitest";
import { readU32, readU64, writeU32, writeU64 } from "../../../node/base/u64.ts";

test("writes what Buffer's own big-endian functions read", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(0xffffffff), (wide, narrow) => {
      const buf = Buffer.alloc(12);
      expect(writeU64(buf, 0, wide)).toBe(8);
      expect(writeU32(buf, 8, narrow)).toBe(12);
      expect(buf.readBigUInt64BE(0)).toBe(BigInt(wide));
      expect(buf.readUInt32BE(8)).toBe(narrow);
      expect(readU64(buf, 0)).toBe(wide);
      expect(readU32(buf, 8)).toBe(narrow);
    }),
  );
});

test("refuses what a number cannot hold exactly", () => {
  const buf = Buffer.alloc(8, 0xff);
  expect(() => readU64(buf, 0)).toThrow("safe whole number");
  expect(() => writeU64(buf, 0, -1)).toThrow("safe whole number");
  expect(() => writeU64(buf, 0, 1.5)).toThrow("safe whole number");
});
