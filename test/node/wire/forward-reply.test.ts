import fc from "fast-check";
import { type ForwardReply, forwardReplyCodec } from "../../../node/wire/forward-reply.ts";
import { anyBytes, anyU64, describeCodec } from "../../support/codec-suite.ts";

const ok = Buffer.from("+OK\r\n");

describeCodec<ForwardReply>({
  name: "forward reply",
  codec: forwardReplyCodec,
  golden: { message: { kind: "reply", buf: ok, start: 0, end: ok.length }, hex: "00 2b4f4b0d0a" },
  arbitrary: fc.oneof(
    anyBytes.map((buf) => ({ kind: "reply" as const, buf, start: 0, end: buf.length })),
    anyU64.map((epoch) => ({ kind: "refused" as const, epoch })),
    fc.constant({ kind: "watchBroken" as const }),
    fc.string().map((error) => ({ kind: "unreachable" as const, error })),
    fc.string({ unit: "grapheme" }).map((error) => ({ kind: "unknown" as const, error })),
  ),
  normalize: (m) => (m.kind === "reply" ? m.buf.toString("hex", m.start, m.end) : m),
});
