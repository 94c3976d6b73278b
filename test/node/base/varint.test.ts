import fc from "fast-check";
import { expect, test } from "vitest";
import { readVarint, varintSize, writeVarint } from "../../../node/base/varint.ts";

test("300 is ac 02", () => {
  const buf = Buffer.alloc(2);
  expect(writeVarint(buf, 0, 300)).toBe(2);
  expect(buf.toString("hex")).toBe("ac02");
});

test("what is written is read, and takes the size that was foretold", () => {
  const edges = [0, 1, 127, 128, 16383, 16384, 2 ** 21 - 1, 2 ** 21, 2 ** 28, 2 ** 32, 2 ** 53 - 1];
  const number = fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat());
  fc.assert(
    fc.property(number, fc.nat(5), (value, at) => {
      const buf = Buffer.alloc(20, 0xff);
      const end = writeVarint(buf, at, value);
      expect(end - at).toBe(varintSize(value));
      expect(readVarint(buf, at)).toBe(value);
    }),
  );
});
