import fc from "fast-check";
import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { readExpireAt, SetOptions } from "../../../node/commands/set-options.ts";
import { SECONDS, UNIX_MILLISECONDS } from "../../../node/datatypes/expiry.ts";

const NOW = 1_700_000_000_000;

function readSet(...words: string[]): SetOptions | undefined {
  const options = new SetOptions();
  return options.readForSet(Argv.of("SET", "k", "v", ...words)) ? options : undefined;
}

function readGetex(...words: string[]): SetOptions | undefined {
  const options = new SetOptions();
  return options.readForGetex(Argv.of("GETEX", "k", ...words)) ? options : undefined;
}

test("options are found in any order and case", () => {
  expect(readSet()).toMatchObject({ nx: false, xx: false, get: false, keepTtl: false, unit: undefined });
  expect(readSet("get", "Ex", "10", "nx")).toMatchObject({ nx: true, get: true, unit: SECONDS, amountIndex: 5 });
  expect(readSet("EX", "10", "ex", "20")).toMatchObject({ unit: SECONDS, amountIndex: 6 });
  expect(readGetex("PXAT", "10")).toMatchObject({ unit: UNIX_MILLISECONDS, amountIndex: 3 });
  expect(readGetex("persist")).toMatchObject({ persist: true });
});

test("what excludes each other, or is another command's, is refused", () => {
  for (const words of ["NX XX", "EX 1 PX 1", "EX 1 KEEPTTL", "KEEPTTL PX 1", "PERSIST", "EX", "10"]) {
    expect(readSet(...words.split(" ")), words).toBeUndefined();
  }
  for (const words of ["NX", "GET", "KEEPTTL", "PERSIST EX 1", "EX 1 PERSIST", "PX"]) {
    expect(readGetex(...words.split(" ")), words).toBeUndefined();
  }
});

test("NX and XX are never both read, nor an expiry with KEEPTTL", () => {
  const words = fc.array(fc.constantFrom("NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "1", "x"));
  fc.assert(
    fc.property(words, (chosen) => {
      const options = readSet(...chosen);
      return options === undefined || !((options.nx && options.xx) || (options.keepTtl && options.unit !== undefined));
    }),
  );
});

test("an expiry must be a positive number of its unit", () => {
  const read = (text: string) => readExpireAt(Argv.of(text), { index: 0, unit: SECONDS, name: "set" }, NOW);
  expect(read("5")).toBe(NOW + 5000);
  expect(read("x")).toBe("ERR value is not an integer or out of range");
  for (const text of ["0", "-1", "9223372036854775807"])
    expect(read(text)).toBe("ERR invalid expire time in 'set' command");
});
