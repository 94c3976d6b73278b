import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { NodeFileSystem } from "../../../node/binlog/file-system.ts";
import { describeFileSystem } from "../../contract/file-system.contract.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";

const root = mkdtempSync(join(tmpdir(), "files-"));
let count = 0;
afterAll(() => rmSync(root, { recursive: true }));

describeFileSystem("NodeFileSystem", () => ({
  files: new NodeFileSystem(),
  directory: join(root, String(count++), "x"),
}));
describeFileSystem("MemoryFileSystem", () => ({ files: new MemoryFileSystem(), directory: "/x" }));

function contentOf(files: MemoryFileSystem, path: string): string {
  const file = files.open(path, "read");
  const bytes = Buffer.alloc(100);
  return bytes.toString("latin1", 0, file.read(bytes, 0));
}

test("a loss of power keeps what was synced, and of the rest anything", () => {
  for (let seed = 0; seed < 20; seed++) {
    const files = new MemoryFileSystem();
    files.makeDirectory("/d");
    const file = files.open("/d/a", "create");
    file.write(Buffer.from("hello"), { start: 0, end: 5 }, 0);
    file.syncNow();
    files.syncDirectory("/d");
    file.write(Buffer.from("world"), { start: 0, end: 5 }, 5);
    files.losePower(seed);
    expect(contentOf(files, "/d/a").slice(0, 5)).toBe("hello");
    expect(contentOf(files, "/d/a").length).toBeLessThanOrEqual(10);
  }
});

test("a full disk takes a part of a write and refuses it", () => {
  const files = new MemoryFileSystem();
  files.makeDirectory("/d");
  files.freeBytes = 6;
  const file = files.open("/d/a", "create");
  file.write(Buffer.from("hello"), { start: 0, end: 5 }, 0);
  expect(() => file.write(Buffer.from("world"), { start: 0, end: 5 }, 5)).toThrow(
    expect.objectContaining({ code: "ENOSPC" }),
  );
  expect(file.sizeBytes()).toBe(7);
});

test("a file in a directory's place is named", () => {
  const path = join(root, "binlog");
  writeFileSync(path, "");
  expect(() => new NodeFileSystem().makeDirectory(path)).toThrow(
    `cannot make the directory ${path}: ${path} is not a directory`,
  );
});
