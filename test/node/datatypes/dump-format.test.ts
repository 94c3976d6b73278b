import fc from "fast-check";
import { expect, test } from "vitest";
import { packDump, unpackDump } from "../../../node/datatypes/dump-format.ts";

test("the example of the format", () => {
  expect(packDump(1, [Buffer.from("h"), Buffer.from("i")]).toString("hex")).toBe("016869000135d1c178");
});

test("a payload is unpacked to what was packed, wherever it lies", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const dump = packDump(3, [Buffer.from(bytes)]);
      const within = Buffer.concat([Buffer.from("##"), dump, Buffer.from("#")]);
      const found = unpackDump(within, 2, within.length - 1);
      expect(found?.type).toBe(3);
      expect(found?.buf.subarray(found.start, found.end)).toEqual(Buffer.from(bytes));
    }),
  );
});

test("a payload that was cut or changed in any byte is refused", () => {
  const dump = packDump(1, [Buffer.from("hello")]);
  for (let i = 0; i < dump.length; i++) {
    const changed = Buffer.from(dump);
    changed[i] = (changed[i] as number) ^ 0x40;
    expect(unpackDump(changed, 0, changed.length)).toBeUndefined();
    expect(unpackDump(dump, 0, i)).toBeUndefined();
  }
});
