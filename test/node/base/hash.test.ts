import fc from "fast-check";
import { expect, test } from "vitest";
import { hash32 } from "../../../node/base/hash.ts";

/** HalfSipHash-c-d written from the paper's description, with BigInt-free 32-bit words kept in an object. */
function referenceHash(key: Uint8Array, data: Uint8Array, rounds: { compress: number; finish: number }): number {
  const word = (bytes: Uint8Array, at: number) =>
    [0, 1, 2, 3].reduce((sum, i) => (sum | ((bytes[at + i] ?? 0) << (8 * i))) >>> 0, 0);
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  const [k0, k1] = [word(key, 0), word(key, 4)];
  const v = { a: k0, b: k1, c: (0x6c796765 ^ k0) >>> 0, d: (0x74656462 ^ k1) >>> 0 };
  const round = () => {
    v.a = (v.a + v.b) >>> 0;
    v.b = (rotate(v.b, 5) ^ v.a) >>> 0;
    v.a = rotate(v.a, 16);
    v.c = (v.c + v.d) >>> 0;
    v.d = (rotate(v.d, 8) ^ v.c) >>> 0;
    v.a = (v.a + v.d) >>> 0;
    v.d = (rotate(v.d, 7) ^ v.a) >>> 0;
    v.c = (v.c + v.b) >>> 0;
    v.b = (rotate(v.b, 13) ^ v.c) >>> 0;
    v.c = rotate(v.c, 16);
  };
  const absorb = (m: number) => {
    v.d = (v.d ^ m) >>> 0;
    for (let i = 0; i < rounds.compress; i++) round();
    v.a = (v.a ^ m) >>> 0;
  };
  const whole = data.length & ~3;
  for (let at = 0; at < whole; at += 4) absorb(word(data, at));
  let last = (data.length << 24) >>> 0;
  for (let i = whole; i < data.length; i++) last = (last | ((data[i] as number) << (8 * (i - whole)))) >>> 0;
  absorb(last);
  v.c = (v.c ^ 0xff) >>> 0;
  for (let i = 0; i < rounds.finish; i++) round();
  return (v.b ^ v.d) >>> 0;
}

test("the reference agrees with the published vectors of HalfSipHash-2-4", () => {
  const key = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]);
  const input = (size: number) => Uint8Array.from({ length: size }, (_, i) => i);
  const published = [0x5b9f35a9, 0xb85a4727, 0x03a662fa, 0x04e7fe8a];
  expect([0, 1, 2, 3].map((size) => referenceHash(key, input(size), { compress: 2, finish: 4 }))).toEqual(published);
});

test("hash32 is HalfSipHash-1-3 of the range", () => {
  const bytes = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), bytes, bytes, bytes, (key, before, data, after) => {
      const view = new DataView(key.buffer, key.byteOffset);
      const hashKey = { k0: view.getInt32(0, true), k1: view.getInt32(4, true) };
      const all = Buffer.concat([before, data, after]);
      const expected = referenceHash(key, data, { compress: 1, finish: 3 });
      expect(hash32(hashKey, all, before.length, before.length + data.length)).toBe(expected);
    }),
  );
});
