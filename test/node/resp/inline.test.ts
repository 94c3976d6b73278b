import { describe, expect, it } from "vitest";
import { Argv } from "../../../node/base/argv.ts";
import { Decoder } from "../../../node/resp/decoder.ts";
import { splitInline } from "../../../node/resp/inline.ts";

function split(line: string): string[] | undefined {
  const argv = new Argv();
  if (!splitInline(Buffer.from(line, "latin1"), argv)) return undefined;
  return Array.from({ length: argv.count }, (_, i) => argv.text(i));
}

describe("splitInline", () => {
  it.each([
    ["PING", ["PING"]],
    ["   ", []],
    ["set  key\tvalue ", ["set", "key", "value"]],
    ['set k "a b\\n\\x41\\"\\q"', ["set", "k", 'a b\nA"q']],
    ["set k 'a \\'b\\n'", ["set", "k", "a 'b\\n"]],
    ['echo ""', ["echo", ""]],
    ['echo a"b c"', ["echo", "ab c"]],
    ["ping\0rest", ["ping"]],
    ["k \xff\xfe", ["k", "\xff\xfe"]],
  ])("splits %j", (line, words) => {
    expect(split(line)).toEqual(words);
  });

  it.each(['"a"b', "'a'b", "'a", '"\\x4', '"a\\'])("refuses %j", (line) => {
    expect(split(line)).toBeUndefined();
  });
});

it("is what the decoder uses, line by line, with LF or CR LF", () => {
  const decoder = new Decoder();
  decoder.feed(Buffer.from('\r\n  \r\nPING\nset k "a b"\r\n'));
  expect(decoder.next()).toBe("command");
  expect(decoder.argv.text(0)).toBe("PING");
  expect(decoder.next()).toBe("command");
  expect(decoder.argv.text(2)).toBe("a b");
  expect(decoder.next()).toBe("more");
});
