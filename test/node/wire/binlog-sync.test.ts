import fc from "fast-check";
import {
  binlogSyncAckCodec,
  binlogSyncCodec,
  binlogSyncOpenCodec,
  binlogSyncProbeAskCodec,
  binlogSyncProbeCodec,
  binlogSyncRefusedCodec,
} from "../../../node/wire/binlog-sync.ts";
import { anyBytes, anyU16, anyU32, anyU64, describeCodec } from "../../support/codec-suite.ts";

const anyPosition = fc.record({ term: anyU64, index: anyU64, crc: anyU32 });

describeCodec({
  name: "binlog sync open",
  codec: binlogSyncOpenCodec,
  golden: {
    message: {
      table: 1,
      slot: 3,
      replica: 6,
      term: 4,
      epoch: 9,
      wantsSnapshot: true,
      isFetch: false,
      windowBytes: 65536,
      last: { term: 3, index: 11, crc: 0xdeadbeef },
    },
    hex: "00000001 0003 0000000000000006 0000000000000004 0000000000000009 01 00010000 0000000000000003 000000000000000b deadbeef",
  },
  arbitrary: fc.record({
    table: anyU32,
    slot: anyU16,
    replica: anyU64,
    term: anyU64,
    epoch: anyU64,
    wantsSnapshot: fc.boolean(),
    isFetch: fc.boolean(),
    windowBytes: anyU32,
    last: anyPosition,
  }),
});

describeCodec({
  name: "binlog sync",
  codec: binlogSyncCodec,
  golden: {
    message: { term: 4, lastIndex: 12, entries: [Buffer.from("abcd", "hex")] },
    hex: "0000000000000004 000000000000000c 01 02 abcd",
  },
  arbitrary: fc.record({ term: anyU64, lastIndex: anyU64, entries: fc.array(anyBytes, { maxLength: 5 }) }),
});

describeCodec({
  name: "binlog sync probe",
  codec: binlogSyncProbeCodec,
  golden: {
    message: { term: 4, positions: [{ term: 3, index: 11, crc: 0xdeadbeef }] },
    hex: "0000000000000004 01 0000000000000003 000000000000000b deadbeef",
  },
  arbitrary: fc.record({ term: anyU64, positions: fc.array(anyPosition, { maxLength: 5 }) }),
});

describeCodec({
  name: "binlog sync probe ask",
  codec: binlogSyncProbeAskCodec,
  golden: { message: { firstIndex: 1, lastIndex: 9 }, hex: "0000000000000001 0000000000000009" },
  arbitrary: fc.record({ firstIndex: anyU64, lastIndex: anyU64 }),
});

describeCodec({
  name: "binlog sync ack",
  codec: binlogSyncAckCodec,
  golden: {
    message: { streams: [{ stream: 2, appendedIndex: 12, durableIndex: 11 }] },
    hex: "01 00000002 000000000000000c 000000000000000b",
  },
  arbitrary: fc.record({
    streams: fc.array(fc.record({ stream: anyU32, appendedIndex: anyU64, durableIndex: anyU64 }), { maxLength: 5 }),
  }),
});

describeCodec({
  name: "binlog sync refused",
  codec: binlogSyncRefusedCodec,
  golden: {
    message: { code: "olderTerm", epoch: 9, term: 4, text: "no" },
    hex: "02 0000000000000009 0000000000000004 02 6e6f",
  },
  arbitrary: fc.record({
    code: fc.constantFrom("notLeader", "olderTerm", "unknownReplica", "noSuchSlot", "stopping", "behind", "ahead"),
    epoch: anyU64,
    term: anyU64,
    text: fc.string(),
  }),
});
