import fc from "fast-check";
import { expect, test } from "vitest";
import { DumpReader, DumpWriter } from "../../../node/datatypes/dump-format.ts";

function pack(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const writer = new DumpWriter(type);
  for (const part of parts) writer.sized(Buffer.from(part), 0, part.length);
  return writer.finish();
}

test("the example of the format", () => {
  const writer = new DumpWriter(1);
  writer.bytes(Buffer.from("#hi#"), 1, 3);
  expect(writer.finish().toString("hex")).toBe("016869000135d1c178");
});

test("a payload is read as it was written, wherever it lies", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (parts) => {
      const within = Buffer.concat([Buffer.from("##"), pack(3, ...parts), Buffer.from("#")]);
      const reader = DumpReader.open(within, 2, within.length - 1);
      expect(reader?.type).toBe(3);
      if (reader === undefined) return;
      for (const part of parts) {
        expect(reader.takeSized()).toBe(true);
        expect(reader.buf.subarray(reader.start, reader.end)).toEqual(Buffer.from(part));
      }
      expect([reader.remaining, reader.takeSized(), reader.take(1), reader.takeCount()]).toEqual([0, false, false, -1]);
    }),
  );
});

test("lengths that go beyond the payload are refused", () => {
  const writer = new DumpWriter(3);
  writer.bytes(Buffer.from([5, 1, 2, 3]), 0, 4);
  const dump = writer.finish();
  expect(DumpReader.open(dump, 0, dump.length)?.takeSized()).toBe(false);
  const endless = new DumpWriter(3);
  endless.bytes(Buffer.alloc(20, 0xff), 0, 20);
  const other = endless.finish();
  expect(DumpReader.open(other, 0, other.length)?.takeCount()).toBe(-1);
});

test("a payload that was cut or changed in any byte is refused", () => {
  const dump = pack(1, Buffer.from("hello"));
  for (let i = 0; i < dump.length; i++) {
    const changed = Buffer.from(dump);
    changed[i] = (changed[i] as number) ^ 0x40;
    expect(DumpReader.open(changed, 0, changed.length)).toBeUndefined();
    expect(DumpReader.open(dump, 0, i)).toBeUndefined();
  }
});
