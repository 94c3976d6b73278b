/**
 * PositionsAsk, PositionsAnswer: before a replica leads it asks the others of its slots where their logs stand
 * (docs/formats/peer-wire.md, DESIGN §5). One message for all slots of a pair of nodes; the answer lists only the slots
 * where something differs from what the asker said of itself, so idle slots cost nothing.
 *
 * Example: an answer that lists slot 3 of table 1, copying, highest term 4, with nothing in its log =
 * `01  00 00 00 01  00 03  01  00 00 00 00 00 00 00 04` and 20 bytes 00.
 */

import { type LogPosition, readPosition, writePosition } from "./binlog-sync.ts";
import { type ByteReader, protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

/** A slot that the asker means to lead. */
export interface AskedSlot {
  readonly table: number;
  readonly slot: number;
  /** The asker's replica. */
  readonly replica: number;
  /** The term that it means to lead in. */
  readonly term: number;
  /** Where its own log ends. */
  readonly last: LogPosition;
}

export interface PositionsAsk {
  /** Of the topology that the asker goes by. */
  readonly epoch: number;
  /** Asks for a durable promise to follow nobody in an older term. */
  readonly wantsPromise: boolean;
  readonly slots: readonly AskedSlot[];
}

const FLAG_WANTS_PROMISE = 1;
const ASKED_SLOT_BYTES = 42;

export const positionsAskCodec: MessageCodec<PositionsAsk> = {
  write(out, m) {
    out.u64(m.epoch);
    out.u8(m.wantsPromise ? FLAG_WANTS_PROMISE : 0);
    out.varint(m.slots.length);
    for (const slot of m.slots) {
      out.u32(slot.table);
      out.u16(slot.slot);
      out.u64(slot.replica);
      out.u64(slot.term);
      writePosition(out, slot.last);
    }
  },
  read(input) {
    const epoch = input.u64();
    const flags = input.u8();
    if (flags > FLAG_WANTS_PROMISE) throw protocolError("a PositionsAsk with unknown flags");
    const count = input.count(ASKED_SLOT_BYTES);
    const slots: AskedSlot[] = [];
    for (let i = 0; i < count; i++) {
      slots.push({
        table: input.u32(),
        slot: input.u16(),
        replica: input.u64(),
        term: input.u64(),
        last: readPosition(input),
      });
    }
    return { epoch, wantsPromise: flags === FLAG_WANTS_PROMISE, slots };
  },
};

const STANDING_NUMBERS = {
  /** Follows nobody in an older term than the asked one; the promise is made where one was asked for. */
  standing: 0,
  /** As `standing`, but in the middle of a copy: its position says nothing. */
  copying: 1,
  /** Leads the slot in a term that it holds to be valid. */
  leading: 2,
  /** The node has no replica of the slot. */
  absent: 3,
  /** Does not promise: it knows this term or a higher one, or another leader. */
  refusing: 4,
} as const;

export type StandingKind = keyof typeof STANDING_NUMBERS;

const STANDING_BY_NUMBER = new Map<number, StandingKind>(
  Object.entries(STANDING_NUMBERS).map(([name, number]) => [number, name as StandingKind]),
);

function readStanding(input: ByteReader): StandingKind {
  const number = input.u8();
  const kind = STANDING_BY_NUMBER.get(number);
  if (kind === undefined) throw protocolError(`the unknown standing ${number} of a replica`);
  return kind;
}

/** What a replica says of itself. */
export interface Standing {
  readonly kind: StandingKind;
  /** The highest term that it has seen. */
  readonly term: number;
  readonly last: LogPosition;
}

export interface SlotStanding extends Standing {
  readonly table: number;
  readonly slot: number;
}

/** Asked slots that are not listed stand where the asker's do, and have seen no higher term than the asked one. */
export interface PositionsAnswer {
  readonly slots: readonly SlotStanding[];
}

const SLOT_STANDING_BYTES = 35;

export const positionsAnswerCodec: MessageCodec<PositionsAnswer> = {
  write(out, m) {
    out.varint(m.slots.length);
    for (const { table, slot, kind, term, last } of m.slots) {
      out.u32(table);
      out.u16(slot);
      out.u8(STANDING_NUMBERS[kind]);
      out.u64(term);
      writePosition(out, last);
    }
  },
  read(input) {
    const count = input.count(SLOT_STANDING_BYTES);
    const slots: SlotStanding[] = [];
    for (let i = 0; i < count; i++) {
      slots.push({
        table: input.u32(),
        slot: input.u16(),
        kind: readStanding(input),
        term: input.u64(),
        last: readPosition(input),
      });
    }
    return { slots };
  },
};
