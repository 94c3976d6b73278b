import { expect, test } from "vitest";
import type { Segment } from "../../../node/binlog/log-index.ts";
import { type Chunk, LogTail } from "../../../node/binlog/tail.ts";

const KIB = 1024;
const segment: Segment = { firstSequence: 1, path: "", sizeBytes: 0, recordCount: 0 };
const next: Segment = { firstSequence: 9, path: "", sizeBytes: 0, recordCount: 0 };

function fill(chunk: Chunk, sizeBytes: number): Chunk {
  chunk.length = sizeBytes;
  chunk.writtenBytes = sizeBytes;
  return chunk;
}

test("bytes are found by their place while they are in memory", () => {
  const tail = new LogTail(1024 * KIB);
  const first = fill(tail.open(segment, 80, 10), 1000);
  const second = fill(tail.open(segment, 1080, 10), 500);
  const other = fill(tail.open(next, 80, 10), 500);
  expect(tail.find(segment, 80)).toBe(first);
  expect(tail.find(segment, 1079)).toBe(first);
  expect(tail.find(segment, 1080)).toBe(second);
  expect(tail.find(segment, 1580)).toBeUndefined();
  expect(tail.find(next, 100)).toBe(other);
  expect(tail.find(segment, 79)).toBeUndefined();
});

test("the oldest chunks go when there are too many, and their memory is used again", () => {
  const tail = new LogTail(600 * KIB);
  const first = fill(tail.open(segment, 0, 10), 1000);
  const memory = first.buf;
  fill(tail.open(segment, 1000, 10), 1000);
  const third = fill(tail.open(segment, 2000, 10), 1000);
  expect(third.buf).toBe(memory);
  expect(tail.find(segment, 0)).toBeUndefined();
  expect(tail.find(segment, 1000)).toBeDefined();
  expect(tail.sizeBytes).toBe(512 * KIB);
});

test("what is not written is never let go", () => {
  const tail = new LogTail(0);
  const chunk = tail.open(segment, 0, 10);
  chunk.length = 100;
  tail.open(segment, 100, 10).length = 100;
  expect(tail.chunks.length).toBe(2);
  expect(tail.find(segment, 50)).toBe(chunk);
});

test("a large record has a chunk of its own, which is not kept for small ones", () => {
  const tail = new LogTail(600 * KIB);
  const large = fill(tail.open(segment, 0, 5000 * KIB), 5000 * KIB);
  expect(large.buf.length).toBe(5000 * KIB);
  const small = tail.open(segment, 5000 * KIB, 10);
  expect(small.buf.length).toBeLessThan(1024 * KIB);
  expect(tail.sizeBytes).toBe(small.buf.length);
});

test("what a failed turn encoded is dropped", () => {
  const tail = new LogTail(1024 * KIB);
  const chunk = fill(tail.open(segment, 0, 10), 100);
  chunk.length = 300;
  tail.open(segment, 300, 10).length = 50;
  tail.dropUnwritten();
  expect(tail.chunks).toEqual([chunk]);
  expect(chunk.length).toBe(100);
});
