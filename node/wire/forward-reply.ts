/**
 * ForwardReply: what became of a Forward (docs/formats/peer-wire.md).
 * Invariant: reading copies nothing; the reply is a range of the frame.
 *
 * Example: the reply `+OK` = `00 2b 4f 4b 0d 0a`; refused at epoch 9 = `01 00 00 00 00 00 00 00 09`.
 */

import { unreachable } from "../base/assert.ts";
import { protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

const REPLY = 0;
const REFUSED = 1;
const WATCH_BROKEN = 2;
const UNREACHABLE = 3;
const UNKNOWN = 4;

export type ForwardReply =
  /** RESP bytes `buf[start, end)`. */
  | { readonly kind: "reply"; readonly buf: Buffer; readonly start: number; readonly end: number }
  | { readonly kind: "refused"; readonly epoch: number }
  | { readonly kind: "watchBroken" }
  /** Not executed. */
  | { readonly kind: "unreachable"; readonly error: string }
  | { readonly kind: "unknown"; readonly error: string };

export const forwardReplyCodec: MessageCodec<ForwardReply> = {
  write(out, m) {
    switch (m.kind) {
      case "reply":
        out.u8(REPLY);
        out.raw(m.buf, m.start, m.end);
        return;
      case "refused":
        out.u8(REFUSED);
        out.u64(m.epoch);
        return;
      case "watchBroken":
        out.u8(WATCH_BROKEN);
        return;
      case "unreachable":
        out.u8(UNREACHABLE);
        out.text(m.error);
        return;
      case "unknown":
        out.u8(UNKNOWN);
        out.text(m.error);
        return;
      default:
        unreachable(m);
    }
  },
  read(input) {
    const kind = input.u8();
    if (kind === REPLY) {
      const start = input.at;
      input.at = input.end;
      return { kind: "reply", buf: input.buf, start, end: input.end };
    }
    if (kind === REFUSED) return { kind: "refused", epoch: input.u64() };
    if (kind === WATCH_BROKEN) return { kind: "watchBroken" };
    if (kind === UNREACHABLE) return { kind: "unreachable", error: input.text() };
    if (kind === UNKNOWN) return { kind: "unknown", error: input.text() };
    throw protocolError(`a forward's reply of the unknown kind ${kind}`);
  },
};
