import { expect, test } from "vitest";
import {
  isPast,
  MILLISECONDS,
  mayExpireAt,
  remainingMs,
  SECONDS,
  toAbsoluteMs,
  toSeconds,
  UNIX_MILLISECONDS,
  UNIX_SECONDS,
} from "../../../node/datatypes/expiry.ts";

const NOW = 1_700_000_000_000;
const MAX = 2n ** 63n - 1n;

test("amounts become absolute milliseconds", () => {
  expect(toAbsoluteMs(5, SECONDS, NOW)).toBe(NOW + 5000);
  expect(toAbsoluteMs(-5, MILLISECONDS, NOW)).toBe(NOW - 5);
  expect(toAbsoluteMs(7, UNIX_SECONDS, NOW)).toBe(7000);
  expect(toAbsoluteMs(7, UNIX_MILLISECONDS, NOW)).toBe(7);
});

test("what overflows 64 bits is refused, what overflows a number is the last time there is", () => {
  expect(toAbsoluteMs(MAX, SECONDS, NOW)).toBeUndefined();
  expect(toAbsoluteMs(MAX, MILLISECONDS, NOW)).toBeUndefined();
  expect(toAbsoluteMs(-(2n ** 63n), SECONDS, NOW)).toBeUndefined();
  expect(toAbsoluteMs(MAX, UNIX_MILLISECONDS, NOW)).toBe(Number.MAX_SAFE_INTEGER);
  expect(toAbsoluteMs(-MAX, MILLISECONDS, NOW)).toBe(Number.MIN_SAFE_INTEGER);
  expect(toAbsoluteMs(2 ** 52, MILLISECONDS, NOW)).toBe(2 ** 52 + NOW);
});

test("a time has come when it is now", () => {
  expect([isPast(NOW - 1, NOW), isPast(NOW, NOW), isPast(NOW + 1, NOW)]).toEqual([true, true, false]);
  expect(remainingMs(NOW + 5, NOW)).toBe(5);
  expect(remainingMs(NOW - 5, NOW)).toBe(0);
  expect([0, 499, 500, 1499, 1500].map(toSeconds)).toEqual([0, 0, 1, 1, 2]);
});

test("NX XX GT LT compare with the expiry there is, never being the latest", () => {
  const none = { nx: false, xx: false, gt: false, lt: false };
  const table: [Partial<typeof none>, number, number, boolean][] = [
    [{}, 0, 5, true],
    [{ nx: true }, 0, 5, true],
    [{ nx: true }, 1, 5, false],
    [{ xx: true }, 0, 5, false],
    [{ xx: true }, 1, 5, true],
    [{ gt: true }, 0, 5, false],
    [{ gt: true }, 5, 5, false],
    [{ gt: true }, 5, 6, true],
    [{ lt: true }, 0, 5, true],
    [{ lt: true }, 5, 5, false],
    [{ lt: true }, 5, 4, true],
    [{ xx: true, lt: true }, 0, 5, false],
  ];
  for (const [condition, current, wanted, expected] of table) {
    expect(mayExpireAt({ ...none, ...condition }, current, wanted)).toBe(expected);
  }
});
