import { expect, test } from "vitest";
import { recordKey } from "../../../node/engine/key-codec.ts";
import { HASHES, rangeCovers, rangePiece } from "../../../node/engine/loaded-range.ts";
import { RecordPack } from "../../../node/engine/record-pack.ts";

function rangeOf(fromHash: number, hashes: readonly number[], limit: number) {
  const key = { buf: Buffer.from("k"), start: 0, end: 1 };
  const pack = new RecordPack();
  for (const hash of hashes) pack.add({ key: recordKey(1, hash, key), value: Buffer.alloc(0) });
  return { generation: 1, settleCount: 0, fromHash, limit, pack };
}

test("a range that reached its limit is whole up to its last hash", () => {
  const range = rangeOf(5, [5, 7, 9], 3);
  expect(rangePiece(range, 5)).toEqual({ pack: range.pack, from: 0, endHash: 9 });
  expect(rangePiece(range, 6).from).toBe(1);
  expect([4, 5, 8, 9].map((hash) => rangeCovers(range, hash))).toEqual([false, true, true, false]);
});

test("a range that ended before its limit is whole to the end", () => {
  const range = rangeOf(5, [5, 7], 3);
  expect(rangePiece(range, 8)).toEqual({ pack: range.pack, from: 2, endHash: HASHES });
  expect(rangeCovers(range, 0xffffffff)).toBe(true);
});

test("no range at all stands for an empty database", () => {
  expect(rangePiece(undefined, 3)).toMatchObject({ pack: { count: 0 }, from: 0, endHash: HASHES });
});
