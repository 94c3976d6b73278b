import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32 } from "../../../node/base/crc32.ts";

test("agrees with zlib on any range and in parts", () => {
  const bytes = fc.uint8Array({ maxLength: 1200 });
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(), (data, a, b) => {
      const start = data.length === 0 ? 0 : a % data.length;
      const end = start + (b % (data.length - start + 1));
      const expected = zlibCrc32(data.subarray(start, end));
      expect(crc32(data, start, end)).toBe(expected);
      const middle = (start + end) >>> 1;
      expect(crc32(data, middle, end, crc32(data, start, middle))).toBe(expected);
    }),
  );
});
