/**
 * Watch, WatchReply, Unwatch: WATCH of keys whose slot the acceptor leads (docs/formats/peer-wire.md).
 *
 * Example: watch `k` in slot 3 of table 1 = `00 00 00 01  00 03  01  01 6b`; made as 7 = `01 00 00 00 07`.
 */

import { protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

export interface Watch {
  readonly table: number;
  readonly slot: number;
  readonly keys: readonly Buffer[];
}

export const watchCodec: MessageCodec<Watch> = {
  write(out, m) {
    out.u32(m.table);
    out.u16(m.slot);
    out.varint(m.keys.length);
    for (const key of m.keys) out.bytes(key, 0, key.length);
  },
  read(input) {
    const table = input.u32();
    const slot = input.u16();
    const count = input.count(1);
    const keys: Buffer[] = [];
    for (let i = 0; i < count; i++) keys.push(input.bytes());
    return { table, slot, keys };
  },
};

export interface WatchReply {
  /** Undefined: the watch was not made. */
  readonly watchId: number | undefined;
}

export const watchReplyCodec: MessageCodec<WatchReply> = {
  write(out, m) {
    out.u8(m.watchId === undefined ? 0 : 1);
    out.u32(m.watchId ?? 0);
  },
  read(input) {
    const made = input.u8();
    const watchId = input.u32();
    if (made > 1) throw protocolError("a watch's reply that is neither yes nor no");
    return { watchId: made === 1 ? watchId : undefined };
  },
};

export interface Unwatch {
  readonly watchId: number;
}

export const unwatchCodec: MessageCodec<Unwatch> = {
  write: (out, m) => out.u32(m.watchId),
  read: (input) => ({ watchId: input.u32() }),
};
