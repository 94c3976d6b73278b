import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeDirectory } from "../../../node/base/directories.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "directories-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("makes all levels, and nothing where it is there", () => {
  const path = join(root, "a", "b", "c");
  makeDirectory(path);
  makeDirectory(path);
  expect(existsSync(path)).toBe(true);
});

test("says what is in the way", () => {
  writeFileSync(join(root, "file"), "");
  const refused = /^cannot make the directory .*: .*(is not a directory|ENOTDIR).*; give another one/;
  expect(() => makeDirectory(join(root, "file"))).toThrow(refused);
  expect(() => makeDirectory(join(root, "file", "below"))).toThrow(refused);
});

test.runIf(existsSync("/proc/self"))("ends with an error where nothing can be made", () => {
  expect(() => makeDirectory("/proc/x/y")).toThrow(/^cannot make the directory \/proc\/x\/y: .*ENOENT/);
});
