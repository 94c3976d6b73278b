import { expect, test } from "vitest";
import { Argv } from "../../../node/base/argv.ts";

test("gives ranges, texts and copies of arguments", () => {
  const argv = Argv.of("SET", Buffer.from([0, 255]), 12);
  expect(argv.count).toBe(3);
  expect(argv.text(0)).toBe("SET");
  expect([...argv.view(1)]).toEqual([0, 255]);
  expect(argv.text(2)).toBe("12");
  expect(argv.sizeBytes()).toBe(7);
});

test("grows past its first capacity", () => {
  const argv = new Argv(Buffer.from("abcdef"), 1);
  for (let i = 0; i < 6; i++) argv.push(i, i + 1);
  expect(Array.from({ length: 6 }, (_, i) => argv.text(i)).join("")).toBe("abcdef");
});

test("own() does not change with the buffer it was taken from", () => {
  const buf = Buffer.from("..GETkey..");
  const argv = new Argv(buf);
  argv.push(2, 5);
  argv.push(5, 8);
  const owned = argv.own();
  buf.fill(0);
  argv.reset(buf);
  expect([owned.text(0), owned.text(1), owned.count]).toEqual(["GET", "key", 2]);
});

test("shared() keeps its arguments when the one it was taken from gets others", () => {
  const argv = Argv.of("SET", "k", "v");
  const shared = argv.shared();
  argv.reset(argv.buf);
  argv.push(0, 1);
  expect(shared.buf).toBe(argv.buf);
  expect([shared.text(0), shared.text(2), shared.count]).toEqual(["SET", "v", 3]);
});
