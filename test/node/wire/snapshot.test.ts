import fc from "fast-check";
import {
  snapshotAbortCodec,
  snapshotAckCodec,
  snapshotBeginCodec,
  snapshotChunkCodec,
  snapshotEndCodec,
} from "../../../node/wire/snapshot.ts";
import { anyBytes, anyU32, anyU64, describeCodec } from "../../support/codec-suite.ts";

const anyPosition = fc.record({ term: anyU64, index: anyU64, crc: anyU32 });

describeCodec({
  name: "snapshot begin",
  codec: snapshotBeginCodec,
  golden: {
    message: {
      term: 4,
      position: { term: 3, index: 11, crc: 0xdeadbeef },
      nowMs: 1,
      keyCount: 2,
      expiringCount: 4,
      sizeBytes: 3,
      cause: "diverged",
    },
    hex: "0000000000000004 0000000000000003 000000000000000b deadbeef 0000000000000001 0000000000000002 0000000000000004 0000000000000003 02",
  },
  arbitrary: fc.record({
    term: anyU64,
    position: anyPosition,
    nowMs: anyU64,
    keyCount: anyU64,
    expiringCount: anyU64,
    sizeBytes: anyU64,
    cause: fc.constantFrom("logGone", "diverged", "emptyFollower"),
  }),
});

describeCodec({
  name: "snapshot chunk",
  codec: snapshotChunkCodec,
  golden: {
    message: { number: 0, entries: [{ key: Buffer.from([1]), value: Buffer.from([255]) }] },
    hex: "00000000 01 0101 01ff",
  },
  arbitrary: fc.record({
    number: anyU32,
    entries: fc.array(fc.record({ key: anyBytes, value: anyBytes }), { maxLength: 5 }),
  }),
});

describeCodec({
  name: "snapshot end",
  codec: snapshotEndCodec,
  golden: { message: { chunkCount: 1, entryCount: 2 }, hex: "00000001 0000000000000002" },
  arbitrary: fc.record({ chunkCount: anyU32, entryCount: anyU64 }),
});

describeCodec({
  name: "snapshot abort",
  codec: snapshotAbortCodec,
  golden: { message: { text: "no" }, hex: "02 6e6f" },
  arbitrary: fc.record({ text: fc.string({ unit: "grapheme" }) }),
});

describeCodec({
  name: "snapshot ack",
  codec: snapshotAckCodec,
  golden: { message: { chunkCount: 7 }, hex: "00000007" },
  arbitrary: fc.record({ chunkCount: anyU32 }),
});
