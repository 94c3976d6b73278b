import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteReader } from "../../../node/wire/byte-reader.ts";
import { ByteWriter } from "../../../node/wire/byte-writer.ts";

function readerOf(hex: string): ByteReader {
  const buf = Buffer.from(hex, "hex");
  const input = new ByteReader();
  input.reset(buf, 0, buf.length);
  return input;
}

it("reads each primitive back", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      fc.nat(0xffffffff),
      fc.string({ unit: "grapheme" }),
      (big, word, text) => {
        const out = new ByteWriter(1);
        out.varint(big);
        out.u64(big);
        out.u32(word);
        out.u16(word & 0xffff);
        out.u8(word & 0xff);
        out.text(text);
        const input = new ByteReader();
        input.reset(out.buf, 0, out.length);
        expect([input.varint(), input.u64(), input.u32(), input.u16(), input.u8(), input.text()]).toEqual([
          big,
          big,
          word,
          word & 0xffff,
          word & 0xff,
          text,
        ]);
        input.finish();
      },
    ),
  );
});

it("refuses numbers of 2^53 and more", () => {
  expect(() => readerOf("0020000000000000").u64()).toThrow(/2\^53/);
  expect(() => readerOf("ffffffffffffffff7f").varint()).toThrow(/2\^53|too many bytes/);
  expect(() => readerOf("808080808080808080808001").varint()).toThrow(/too many bytes/);
});

it("refuses a length or a count that its payload cannot hold", () => {
  expect(() => readerOf("05616263").bytes()).toThrow(/ends too early/);
  expect(() => readerOf("ffffffff0f").count(1)).toThrow(/count/);
});

it("refuses bytes that nobody read", () => {
  expect(() => readerOf("00").finish()).toThrow(/1 bytes too many/);
});
