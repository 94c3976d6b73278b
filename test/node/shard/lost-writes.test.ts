import { expect, test } from "vitest";
import { writeLostWrites } from "../../../node/shard/lost-writes.ts";
import { MemoryFileSystem } from "../../support/memory-file-system.ts";

test("bodies are framed, durable, and never overwritten", () => {
  const files = new MemoryFileSystem();
  const lost = { table: 1, slot: 2, term: 3, firstIndex: 4, bodies: [Buffer.from("one"), Buffer.from("three")] };
  const first = writeLostWrites(files, "/lost", lost);
  const second = writeLostWrites(files, "/lost", { ...lost, bodies: [Buffer.from("two")] });
  expect([first, second]).toEqual(["/lost/1-2-3-4.log", "/lost/1-2-3-4-2.log"]);
  files.losePower(1);
  const file = files.open(first, "read");
  expect(file.sizeBytes()).toBe(8 + 3 + 8 + 5);
  const bytes = Buffer.alloc(11);
  file.read(bytes, 0);
  expect(bytes.toString("latin1", 8)).toBe("one");
  expect(bytes.readUInt32BE(0)).toBe(3);
});

test("the same tail that is set aside again after a crash keeps its file", () => {
  const files = new MemoryFileSystem();
  const lost = { table: 1, slot: 2, term: 3, firstIndex: 4, bodies: [Buffer.from("one")] };
  const torn = files.open(writeLostWrites(files, "/lost", lost), "write");
  torn.truncate(5);
  torn.close();
  expect(writeLostWrites(files, "/lost", lost)).toBe("/lost/1-2-3-4-2.log");
  expect(writeLostWrites(files, "/lost", lost)).toBe("/lost/1-2-3-4-2.log");
  expect(files.list("/lost")).toEqual(["1-2-3-4-2.log", "1-2-3-4.log"]);
});
