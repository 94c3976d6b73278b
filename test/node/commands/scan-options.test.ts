import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { readCursor, readScanOptions } from "../../../node/commands/scan-options.ts";

function read(words: string, allowsType = true): unknown {
  return readScanOptions(Argv.of(...words.split(" ")), { from: 1, allowsType });
}

test("options are read, the last of each counts", () => {
  expect(read("0")).toEqual({ count: 10, pattern: undefined, type: undefined });
  expect(read("0 count 3 COUNT 7")).toMatchObject({ count: 7 });
  expect(read("0 match *")).toMatchObject({ pattern: undefined });
  expect(read("0 match a*")).toMatchObject({ pattern: { start: 6, end: 8 } });
  expect(read("0 TYPE hash")).toMatchObject({ type: 3 });
  expect(read("0 type nope")).toMatchObject({ type: 0 });
});

test("errors are Redis's", () => {
  for (const words of ["0 count", "0 count 0", "0 count -1", "0 foo 1", "0 match"])
    expect(read(words)).toBe("ERR syntax error");
  expect(read("0 type hash", false)).toBe("ERR syntax error");
  expect(read("0 count x")).toBe("ERR value is not an integer or out of range");
});

test("cursors are unsigned numbers of 64 bits", () => {
  const cursors = ["0", "17", "18446744073709551615", "18446744073709551616", "-1", "x", "", "1 "];
  expect(cursors.map((text) => readCursor(Argv.of(text), 0))).toEqual([
    0,
    17,
    Number.MAX_SAFE_INTEGER,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
