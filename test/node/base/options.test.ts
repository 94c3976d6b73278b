import { describe, expect, test } from "vitest";
import { environmentName, flagName, type OptionTable, readOptions } from "../../../node/base/options.ts";

const table = {
  cacheBytes: { kind: "bytes", default: 1024, min: 16, max: 2 ** 40, help: "cache" },
  fsync: { kind: "choice", default: "everysec", choices: ["always", "everysec", "no"], help: "policy" },
  maxClients: { kind: "count", default: 10, min: 1, max: 100, help: "clients" },
  verbose: { kind: "flag", default: false, help: "talk" },
  managers: { kind: "list", default: [], help: "addresses" },
  name: { kind: "text", default: "", pattern: /^[a-z]*$/, help: "name" },
} as const satisfies OptionTable;

const layer = (values: Record<string, string | number | boolean>) => ({
  describe: (option: string) => `--${flagName(option)}`,
  values,
});

describe("readOptions", () => {
  test("gives the defaults where no layer has a value", () => {
    expect(readOptions(table, [])).toEqual({
      cacheBytes: 1024,
      fsync: "everysec",
      maxClients: 10,
      verbose: false,
      managers: [],
      name: "",
    });
  });

  test("the first layer that has a value wins", () => {
    const values = readOptions(table, [layer({ fsync: "no" }), layer({ fsync: "always", cacheBytes: "64Mi" })]);
    expect(values.fsync).toBe("no");
    expect(values.cacheBytes).toBe(64 * 2 ** 20);
  });

  test("splits lists and reads flags", () => {
    const values = readOptions(table, [layer({ managers: "a:1, b:2", verbose: "true" })]);
    expect(values.managers).toEqual(["a:1", "b:2"]);
    expect(values.verbose).toBe(true);
  });

  test.each([
    [{ fsync: "never" }, '--fsync is "never"; allowed are always, everysec, no'],
    [{ maxClients: 0 }, "--max-clients is 0; allowed is a whole number from 1 to 100"],
    [{ maxClients: "1.5" }, '--max-clients is "1.5"; allowed is a whole number from 1 to 100'],
    [{ cacheBytes: "8" }, '--cache-bytes is "8"; allowed is an amount of bytes'],
    [{ verbose: "yes" }, '--verbose is "yes"; allowed are true and false'],
    [{ name: "A b" }, '--name is "A b"; allowed is a text like'],
    [{ colour: "red" }, "--colour is not an option; known are cacheBytes"],
  ])("refuses %o and says what is allowed", (values, message) => {
    expect(() => readOptions(table, [layer(values as Record<string, string>)])).toThrow(message);
  });
});

describe("an amount of bytes", () => {
  const bytes = { size: { kind: "bytes", default: 7, min: 0, max: Number.MAX_SAFE_INTEGER, help: "size" } } as const;

  test.each([
    ["0", 0],
    ["12k", 12_000],
    ["3Gi", 3 * 2 ** 30],
    ["1T", 1e12],
  ])("%s is %s", (text, size) => expect(readOptions(bytes, [layer({ size: text })]).size).toBe(size));

  test.each(["", "-1", "1.5Gi", "1KB", "999999999999999Ti"])("%j is none", (text) => {
    expect(() => readOptions(bytes, [layer({ size: text })])).toThrow("an amount of bytes");
  });
});

test("names of flags and of the environment", () => {
  expect(flagName("slowlogMicros")).toBe("slowlog-micros");
  expect(environmentName("slowlogMicros")).toBe("PIKA_SLOWLOG_MICROS");
});
