import fc from "fast-check";
import { expect, test } from "vitest";
import { addLongDoubles, formatLongDouble, parseLongDouble } from "../../../node/datatypes/long-double.ts";

function add(one: string, other: string): string | undefined {
  const a = parseLongDouble(one);
  const b = parseLongDouble(other);
  const sum = a && b && addLongDoubles(a, b);
  return sum && formatLongDouble(sum);
}

/** The expected texts are what redis-server 7.0 on x86-64 answers. */
test.each([
  ["0", "1.5", "1.5"],
  ["10.50", "0.1", "10.6"],
  ["5.0e3", "200", "5200"],
  ["3", "-3", "0"],
  ["0.1", "0.2", "0.3"],
  ["17", "305047.065", "305064.06499999999999773"],
  ["1", "1e-18", "1"],
  ["9223372036854775807", "16", "9223372036854775823"],
  ["0x10", "0", "16"],
  ["0x1.8p1", "0", "3"],
  ["-1", "1", "0"],
  [".5", "5.", "5.5"],
])("%s + %s = %s", (one, other, expected) => {
  expect(add(one, other)).toBe(expected);
});

test("what is no long double is refused", () => {
  for (const text of ["", " 1", "1 ", "abc", "nan", "1e", "--1", "0x", ".", "1e5000", "1e-5000", "9".repeat(6000)]) {
    expect(parseLongDouble(text), text.slice(0, 20)).toBeUndefined();
  }
});

test("infinite values are read and never added", () => {
  expect(parseLongDouble("-inf")?.exponent).toBe(Number.POSITIVE_INFINITY);
  expect(add("inf", "1")).toBeUndefined();
  expect(add("1.1e4932", "1.1e4932")).toBeUndefined();
});

test("every safe integer is exact, and a sum of halves too", () => {
  const whole = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
  fc.assert(fc.property(whole, whole, (a, b) => add(String(a / 2), String(b / 2)) === String((a + b) / 2)));
});
