import fc from "fast-check";
import { positionsAnswerCodec, positionsAskCodec, type StandingKind } from "../../../node/wire/positions.ts";
import { anyU16, anyU32, anyU64, describeCodec } from "../../support/codec-suite.ts";

const anyPosition = fc.record({ term: anyU64, index: anyU64, crc: anyU32 });

describeCodec({
  name: "positions ask",
  codec: positionsAskCodec,
  golden: {
    message: {
      epoch: 9,
      wantsPromise: true,
      slots: [{ table: 1, slot: 3, replica: 6, term: 4, last: { term: 3, index: 11, crc: 0xdeadbeef } }],
    },
    hex: "0000000000000009 01 01 00000001 0003 0000000000000006 0000000000000004 0000000000000003 000000000000000b deadbeef",
  },
  arbitrary: fc.record({
    epoch: anyU64,
    wantsPromise: fc.boolean(),
    slots: fc.array(fc.record({ table: anyU32, slot: anyU16, replica: anyU64, term: anyU64, last: anyPosition }), {
      maxLength: 5,
    }),
  }),
});

describeCodec({
  name: "positions answer",
  codec: positionsAnswerCodec,
  golden: {
    message: {
      slots: [{ table: 1, slot: 3, kind: "copying", term: 4, last: { term: 0, index: 0, crc: 0 } }],
    },
    hex: "01 00000001 0003 01 0000000000000004 0000000000000000 0000000000000000 00000000",
  },
  arbitrary: fc.record({
    slots: fc.array(
      fc.record({
        table: anyU32,
        slot: anyU16,
        kind: fc.constantFrom<StandingKind>("standing", "copying", "leading", "absent", "refusing"),
        term: anyU64,
        last: anyPosition,
      }),
      { maxLength: 5 },
    ),
  }),
});
