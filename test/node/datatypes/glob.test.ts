import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesAll, matchesGlob } from "../../../node/datatypes/glob.ts";

function range(text: string): { buf: Buffer; start: number; end: number } {
  const buf = Buffer.from(`*${text}*`, "latin1");
  return { buf, start: 1, end: buf.length - 1 };
}

function matches(pattern: string, text: string): boolean {
  return matchesGlob(range(pattern), range(text));
}

/** The obvious matcher, exponential, for patterns of letters, `?` and `*`. */
function matchesPlainly(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*")
    return matchesPlainly(pattern.slice(1), text) || (text !== "" && matchesPlainly(pattern, text.slice(1)));
  return (
    text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) && matchesPlainly(pattern.slice(1), text.slice(1))
  );
}

test.each([
  ["*", "anything", true],
  ["a*", "abc", true],
  ["*c", "abc", true],
  ["a**c", "abc", true],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-b-b-d", false],
  ["h?llo", "hello", true],
  ["h?llo", "hllo", false],
  ["h[ae]llo", "hallo", true],
  ["h[^e]llo", "hello", false],
  ["h[^e]llo", "hbllo", true],
  ["h[a-c]llo", "hbllo", true],
  ["h[c-a]llo", "hbllo", true],
  ["[\\]]", "]", true],
  ["[\\a-c]", "b", false],
  ["\\*", "*", true],
  ["\\*", "x", false],
  ["\\", "\\", true],
  ["[abc", "b", true],
  ["[", "x", false],
  ["[^", "x", true],
  ["[]", "x", false],
  ["[a-", "-", true],
  ["", "", true],
  ["*", "", false],
  ["", "a", false],
  ["\xff*", "\xff\x00", true],
  ["A", "a", false],
])("%s on %s: %s", (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected);
});

test("it agrees with the obvious matcher on every text but the empty", () => {
  const letters = fc.constantFrom("a", "b", "?", "*");
  const pattern = fc.array(letters, { maxLength: 8 }).map((parts) => parts.join(""));
  const text = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 10 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (p, t) => matches(p, t) === matchesPlainly(p, t)),
    { numRuns: 2000 },
  );
});

test("a pattern that takes a recursive matcher for ever is answered", () => {
  expect(matches(`${"a*".repeat(5000)}b`, "a".repeat(5000))).toBe(false);
});

test("only a lone star matches everything", () => {
  expect([matchesAll(range("*")), matchesAll(range("**")), matchesAll(range("")), matchesAll(range("a"))]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
