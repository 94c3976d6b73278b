import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter, MAX_LINE_BYTES } from "../../../../operator/kube/core/line-splitter.ts";

test("lines are the same however the stream is cut, also inside of characters", () => {
  const line = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => JSON.stringify(text));
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 7 }), (lines, step) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const splitter = new LineSplitter();
      const found: string[] = [];
      for (let at = 0; at < bytes.length; at += step) found.push(...splitter.push(bytes.subarray(at, at + step)));
      expect(found).toEqual(lines);
    }),
  );
});

test("empty lines are left out, an unfinished one waits", () => {
  const splitter = new LineSplitter();
  expect(splitter.push(Buffer.from("\n\r\n{}\nrest"))).toEqual(["{}"]);
  expect(splitter.push(Buffer.from("\n"))).toEqual(["rest"]);
});

test("a line without end is refused", () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.alloc(MAX_LINE_BYTES / 4, 97);
  for (let i = 0; i < 4; i++) splitter.push(chunk);
  expect(() => splitter.push(chunk)).toThrow(/above/);
});
