import { expect, it } from "vitest";
import { InlineHash } from "../../../node/datatypes/hash-inline.ts";
import { INLINE_LIMIT_BYTES } from "../../../node/datatypes/inline-entries.ts";

function append(hash: InlineHash, field: string, value: string): boolean {
  const f = Buffer.from(field);
  const v = Buffer.from(value);
  return hash.append(f, 0, f.length, v, 0, v.length);
}

function find(hash: InlineHash, field: string): string | undefined {
  const f = Buffer.from(field);
  return hash.find(f, 0, f.length) ? hash.buf.toString("latin1", hash.valueStart, hash.valueEnd) : undefined;
}

function payload(hash: InlineHash): string {
  return hash.buf.toString("hex", hash.finish(), hash.end);
}

it("has the bytes of the format's example", () => {
  const hash = new InlineHash();
  append(hash, "a", "1");
  append(hash, "bc", "");
  expect(payload(hash)).toBe("0201610131026263" + "00");
});

it("changes a copy, never the bytes that it was given", () => {
  const given = Buffer.from("__020161013102626300__".replaceAll("_", "0"), "hex");
  const before = Buffer.from(given);
  const hash = new InlineHash();
  hash.attach(given, 1, given.length - 1);
  expect(find(hash, "a")).toBe("1");
  hash.replaceValue(Buffer.from("long value"), 0, 10);
  expect(find(hash, "bc")).toBe("");
  hash.remove();
  expect(find(hash, "a")).toBe("long value");
  expect(find(hash, "bc")).toBeUndefined();
  expect(payload(hash)).toBe(`0101610a${Buffer.from("long value").toString("hex")}`);
  expect(given).toEqual(before);
});

it("takes what fits the limit to the byte, and refuses one more with nothing changed", () => {
  const hash = new InlineHash();
  // 1 byte of count, 1 + 1 of the field, 2 of the value's length.
  expect(append(hash, "f", "x".repeat(INLINE_LIMIT_BYTES - 4))).toBe(false);
  expect(append(hash, "f", "x".repeat(INLINE_LIMIT_BYTES - 5))).toBe(true);
  expect(hash.sizeBytes()).toBe(INLINE_LIMIT_BYTES);
  expect(append(hash, "", "")).toBe(false);
  expect(find(hash, "f")?.length).toBe(INLINE_LIMIT_BYTES - 5);
  expect(hash.replaceValue(Buffer.alloc(INLINE_LIMIT_BYTES - 4), 0, INLINE_LIMIT_BYTES - 4)).toBe(false);
  expect(find(hash, "f")).toMatch(/^x+$/);
});

it("counts a second byte of the count where it appears", () => {
  const hash = new InlineHash();
  for (let i = 0; i < 128; i++) append(hash, String(i), "");
  expect(hash.count).toBe(128);
  expect(payload(hash).slice(0, 4)).toBe("8001");
  hash.attach(hash.buf, hash.finish(), hash.end);
  expect(hash.count).toBe(128);
  expect(find(hash, "127")).toBe("");
});
