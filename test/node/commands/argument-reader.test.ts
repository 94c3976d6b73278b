import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import {
  isSameArgument,
  isWord,
  narrowInteger,
  optionWord,
  parseDouble,
  parseInteger,
  readClampedInteger,
  readDouble,
  readInteger,
} from "../../../node/commands/argument-reader.ts";

function integerOf(text: string): number | bigint | undefined {
  const buf = Buffer.from(`#${text}#`);
  return parseInteger(buf, 1, buf.length - 1);
}

function doubleOf(text: string): number | undefined {
  const buf = Buffer.from(`#${text}#`);
  return parseDouble(buf, 1, buf.length - 1);
}

test("integers are strict and 64 bits wide", () => {
  for (const text of ["", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "1e3", "0x1", "9223372036854775808"]) {
    expect(integerOf(text), text).toBeUndefined();
  }
  expect(integerOf("-9223372036854775809")).toBeUndefined();
  expect(integerOf("99999999999999999999")).toBeUndefined();
  expect(integerOf("0")).toBe(0);
  expect(integerOf("-7")).toBe(-7);
  expect(integerOf("9007199254740991")).toBe(9007199254740991);
  expect(integerOf("9007199254740993")).toBe(9007199254740993n);
  expect(integerOf("9223372036854775807")).toBe(9223372036854775807n);
  expect(integerOf("-9223372036854775808")).toBe(-9223372036854775808n);
});

test("every 64-bit integer is read back from its text, and nothing else fits", () => {
  const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  fc.assert(fc.property(int64, (value) => BigInt(integerOf(String(value)) ?? -1n) === value));
  expect(narrowInteger(2n ** 63n)).toBeUndefined();
  expect(narrowInteger(5n)).toBe(5);
});

test("indexes beyond the safe range are brought into it", () => {
  const argv = Argv.of("9223372036854775807", "-9223372036854775808", "12", "x");
  expect(readClampedInteger(argv, 0)).toBe(Number.MAX_SAFE_INTEGER);
  expect(readClampedInteger(argv, 1)).toBe(Number.MIN_SAFE_INTEGER);
  expect(readClampedInteger(argv, 2)).toBe(12);
  expect(readClampedInteger(argv, 3)).toBeUndefined();
  expect(readInteger(argv, 0)).toBe(9223372036854775807n);
});

test("doubles are strtod's", () => {
  const good: [string, number][] = [
    ["1", 1],
    ["+1", 1],
    ["-1.5", -1.5],
    [".5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["1E-2", 0.01],
    ["00012", 12],
    ["0.1", 0.1],
    ["123456789012345678", 123456789012345680],
    ["inf", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
    ["+INF", Number.POSITIVE_INFINITY],
    ["0x10", 16],
    ["-0x1.8p1", -3],
    ["0e999", 0],
  ];
  for (const [text, value] of good) expect(doubleOf(text), text).toBe(value);
  for (const text of ["", " 1", "1 ", ".", "-", "e5", "1e", "nan", "1.2.3", "abc", "1e999", "1e-999", "0x", "1_0"]) {
    expect(doubleOf(text), text).toBeUndefined();
  }
  expect(readDouble(Argv.of("-0"), 0)).toBe(-0);
});

test("every finite double is read back from its shortest text", () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(fc.property(finite, (value) => doubleOf(String(value)) === value));
});

test("option words do not mind case and mind all else", () => {
  const word = optionWord("KEEPTTL");
  const argv = Argv.of("keepttl", "KeepTTL", "KEEPTT", "KEEPTTLS", "keepttl\0");
  expect([0, 1, 2, 3, 4].map((i) => isWord(argv, i, word))).toEqual([true, true, false, false, false]);
  expect(isWord(Argv.of("\x10"), 0, optionWord("0"))).toBe(false);
});

test("arguments are compared by their bytes", () => {
  const argv = Argv.of("k", "k", "kk", "");
  expect(isSameArgument(argv, 0, 1)).toBe(true);
  expect(isSameArgument(argv, 0, 2)).toBe(false);
  expect(isSameArgument(argv, 3, 0)).toBe(false);
});
