import fc from "fast-check";
import { grantSetCodec, heartbeatCodec, heartbeatReplyCodec } from "../../../node/wire/heartbeat.ts";
import { anyU16, anyU32, anyU64, describeCodec } from "../../support/codec-suite.ts";

describeCodec({
  name: "heartbeat",
  codec: heartbeatCodec,
  golden: {
    message: { sequence: 5, epoch: 9, grantMs: 1000, grantSet: 2 },
    hex: "00000005 0000000000000009 000003e8 00000002",
  },
  arbitrary: fc.record({ sequence: anyU32, epoch: anyU64, grantMs: anyU32, grantSet: anyU32 }),
});

describeCodec({
  name: "heartbeat reply",
  codec: heartbeatReplyCodec,
  golden: {
    message: { sequence: 5, epoch: 9, grantMs: 1000, grantSet: 2, refused: [{ table: 1, slot: 3, term: 4 }] },
    hex: "00000005 0000000000000009 000003e8 00000002 01 00000001 0003 0000000000000004",
  },
  arbitrary: fc.record({
    sequence: anyU32,
    epoch: anyU64,
    grantMs: anyU32,
    grantSet: anyU32,
    refused: fc.array(fc.record({ table: anyU32, slot: anyU16, term: anyU64 }), { maxLength: 5 }),
  }),
});

describeCodec({
  name: "grant set",
  codec: grantSetCodec,
  golden: {
    message: { grantSet: 2, isBeginning: true, slots: [{ table: 1, slot: 3, replica: 6, term: 4 }] },
    hex: "00000002 01 01 00000001 0003 0000000000000006 0000000000000004",
  },
  arbitrary: fc.record({
    grantSet: anyU32,
    isBeginning: fc.boolean(),
    slots: fc.array(fc.record({ table: anyU32, slot: anyU16, replica: anyU64, term: anyU64 }), { maxLength: 5 }),
  }),
});
