/**
 * Heartbeat, HeartbeatReply, GrantSet: a leader asks the holders of its followers for grants (DESIGN §5).
 * The slots are told once, as a numbered set; heartbeats repeat only the number, so idle slots cost nothing.
 *
 * Example: heartbeat 5 at epoch 9 that asks for 1,000 ms for set 2 =
 * `00 00 00 05  00 00 00 00 00 00 00 09  00 00 03 e8  00 00 00 02`.
 */

import { protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

export interface Heartbeat {
  readonly sequence: number;
  readonly epoch: number;
  /** How long a grant is asked for; 0 for none. */
  readonly grantMs: number;
  /** The set of slots it is asked for, told by GrantSet; 0 for none. */
  readonly grantSet: number;
}

export const heartbeatCodec: MessageCodec<Heartbeat> = {
  write(out, m) {
    out.u32(m.sequence);
    out.u64(m.epoch);
    out.u32(m.grantMs);
    out.u32(m.grantSet);
  },
  read: (input) => ({
    sequence: input.u32(),
    epoch: input.u64(),
    grantMs: input.u32(),
    grantSet: input.u32(),
  }),
};

/** A slot that the granter grants nothing for, with the term that it knows. */
export interface RefusedGrant {
  readonly table: number;
  readonly slot: number;
  readonly term: number;
}

export interface HeartbeatReply {
  readonly sequence: number;
  readonly epoch: number;
  /** What is granted for the set without the refused slots; 0 for nothing. */
  readonly grantMs: number;
  readonly grantSet: number;
  readonly refused: readonly RefusedGrant[];
}

const REFUSED_GRANT_BYTES = 14;

export const heartbeatReplyCodec: MessageCodec<HeartbeatReply> = {
  write(out, m) {
    out.u32(m.sequence);
    out.u64(m.epoch);
    out.u32(m.grantMs);
    out.u32(m.grantSet);
    out.varint(m.refused.length);
    for (const refused of m.refused) {
      out.u32(refused.table);
      out.u16(refused.slot);
      out.u64(refused.term);
    }
  },
  read(input) {
    const sequence = input.u32();
    const epoch = input.u64();
    const grantMs = input.u32();
    const grantSet = input.u32();
    const count = input.count(REFUSED_GRANT_BYTES);
    const refused: RefusedGrant[] = [];
    for (let i = 0; i < count; i++) refused.push({ table: input.u32(), slot: input.u16(), term: input.u64() });
    return { sequence, epoch, grantMs, grantSet, refused };
  },
};

/** A slot that the sender leads: its own replica and term. */
export interface GrantedSlot {
  readonly table: number;
  readonly slot: number;
  readonly replica: number;
  readonly term: number;
}

export interface GrantSet {
  readonly grantSet: number;
  /** The first message of a set; the others add to it. */
  readonly isBeginning: boolean;
  readonly slots: readonly GrantedSlot[];
}

const GRANTED_SLOT_BYTES = 22;

export const grantSetCodec: MessageCodec<GrantSet> = {
  write(out, m) {
    out.u32(m.grantSet);
    out.u8(m.isBeginning ? 1 : 0);
    out.varint(m.slots.length);
    for (const slot of m.slots) {
      out.u32(slot.table);
      out.u16(slot.slot);
      out.u64(slot.replica);
      out.u64(slot.term);
    }
  },
  read(input) {
    const grantSet = input.u32();
    const beginning = input.u8();
    if (beginning > 1) throw protocolError("a grant set that neither begins nor continues");
    const count = input.count(GRANTED_SLOT_BYTES);
    const slots: GrantedSlot[] = [];
    for (let i = 0; i < count; i++) {
      slots.push({ table: input.u32(), slot: input.u16(), replica: input.u64(), term: input.u64() });
    }
    return { grantSet, isBeginning: beginning === 1, slots };
  },
};
