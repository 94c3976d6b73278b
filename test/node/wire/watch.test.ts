import fc from "fast-check";
import { unwatchCodec, watchCodec, watchReplyCodec } from "../../../node/wire/watch.ts";
import { anyBytes, anyU16, anyU32, describeCodec } from "../../support/codec-suite.ts";

describeCodec({
  name: "watch",
  codec: watchCodec,
  golden: { message: { table: 1, slot: 3, keys: [Buffer.from("k")] }, hex: "00000001 0003 01 016b" },
  arbitrary: fc.record({ table: anyU32, slot: anyU16, keys: fc.array(anyBytes, { maxLength: 5 }) }),
});

describeCodec({
  name: "watch reply",
  codec: watchReplyCodec,
  golden: { message: { watchId: 7 }, hex: "01 00000007" },
  arbitrary: fc.record({ watchId: fc.option(anyU32, { nil: undefined }) }),
});

describeCodec({
  name: "unwatch",
  codec: unwatchCodec,
  golden: { message: { watchId: 7 }, hex: "00000007" },
  arbitrary: fc.record({ watchId: anyU32 }),
});
