import { expect, it } from "vitest";
import { AssertionError } from "../../../node/base/assert.ts";
import { ByteWriter } from "../../../node/wire/byte-writer.ts";

it("writes big-endian numbers, varints and fields, growing as it must", () => {
  const out = new ByteWriter(1);
  out.u8(1);
  out.u16(0x0203);
  out.u32(0xfffefdfc);
  out.u64(2 ** 53 - 1);
  out.varint(300);
  out.bytes(Buffer.from("xaby"), 1, 3);
  out.text("é");
  expect(out.written().toString("hex")).toBe("010203fffefdfc001fffffffffffffac02026162" + "02c3a9");
});

it("takes no number and no id that the wire cannot hold", () => {
  const out = new ByteWriter();
  expect(() => out.u64(-1)).toThrow(AssertionError);
  expect(() => out.u64(2 ** 53)).toThrow(AssertionError);
  expect(() => out.id128("xyz")).toThrow(AssertionError);
  expect(() => out.id128("zz".repeat(16))).toThrow(AssertionError);
});
