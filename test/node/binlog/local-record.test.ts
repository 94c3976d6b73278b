import { expect, test } from "vitest";
import {
  decodeCheckpoint,
  decodeDurable,
  decodePosition,
  decodeRaftState,
  encodeCheckpoint,
  encodeDurable,
  encodePosition,
  encodeRaftState,
  isBehind,
  isWellFormedLocal,
} from "../../../node/binlog/local-record.ts";
import type { ReplicaId, TableId } from "../../../node/meta/ids.ts";

const table = 70_000 as TableId;
const states = [
  { table, slot: 5, term: 2 ** 40, vote: 12, commit: 2 ** 45 },
  { table, slot: 16_383, term: 1, vote: 0, commit: 0 },
];

test("local records come back as they were", () => {
  expect(decodeRaftState(encodeRaftState(states[0] as (typeof states)[0]))).toEqual(states[0]);
  expect(decodeCheckpoint(encodeCheckpoint(states))).toEqual(states);
  const position = { table, slot: 9, replica: 44 as ReplicaId, term: 3, index: 2 ** 33, crc: 0xfedcba98 };
  expect(decodePosition(encodePosition(position))).toEqual(position);
  expect(decodeDurable(encodeDurable({ segment: 17, offset: 2 ** 34 }))).toEqual({ segment: 17, offset: 2 ** 34 });
});

test("a local record of the wrong size or kind is found out", () => {
  for (const body of [encodeCheckpoint(states), encodeDurable({ segment: 1, offset: 2 })]) {
    expect(isWellFormedLocal(body)).toBe(true);
    expect(isWellFormedLocal(body.subarray(0, body.length - 1))).toBe(false);
  }
  expect(isWellFormedLocal(Buffer.from([0xff, 0, 0]))).toBe(false);
});

test("places are ordered by segment, then by offset", () => {
  expect(isBehind({ segment: 2, offset: 0 }, { segment: 1, offset: 9 })).toBe(true);
  expect(isBehind({ segment: 1, offset: 9 }, { segment: 1, offset: 9 })).toBe(false);
  expect(isBehind({ segment: 1, offset: 10 }, { segment: 1, offset: 9 })).toBe(true);
});
