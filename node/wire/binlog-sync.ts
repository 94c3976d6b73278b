/**
 * BinlogSyncOpen, BinlogSync, BinlogSyncAck, BinlogSyncRefused: one slot's log from its leader to a follower
 * (docs/formats/peer-wire.md). Entries are the bodies of docs/formats/binlog.md and are not looked into here.
 *
 * Example: BinlogSync of term 4 up to index 12 with the one entry `ab cd` =
 * `00 00 00 00 00 00 00 04  00 00 00 00 00 00 00 0c  01  02 ab cd`.
 */

import { type ByteReader, protocolError } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { MessageCodec } from "./message-codec.ts";

/** A place in a slot's log: an entry and its CRC. All 0 before the first entry. */
export interface LogPosition {
  readonly term: number;
  readonly index: number;
  readonly crc: number;
}

export function writePosition(out: ByteWriter, position: LogPosition): void {
  out.u64(position.term);
  out.u64(position.index);
  out.u32(position.crc);
}

export function readPosition(input: ByteReader): LogPosition {
  return { term: input.u64(), index: input.u64(), crc: input.u32() };
}

export interface BinlogSyncOpen {
  readonly table: number;
  readonly slot: number;
  /** The follower's replica id. */
  readonly replica: number;
  readonly term: number;
  readonly epoch: number;
  /** The follower's log cannot be gone on with. */
  readonly wantsSnapshot: boolean;
  /** The opener is about to lead and fetches what this replica, which does not lead, has more. */
  readonly isFetch: boolean;
  /** Bytes of entries that may be on their way without an acknowledgement. */
  readonly windowBytes: number;
  readonly last: LogPosition;
}

const FLAG_WANTS_SNAPSHOT = 1;
const FLAG_IS_FETCH = 2;

function readFlags(input: ByteReader): Pick<BinlogSyncOpen, "wantsSnapshot" | "isFetch"> {
  const flags = input.u8();
  if (flags > (FLAG_WANTS_SNAPSHOT | FLAG_IS_FETCH)) throw protocolError("a BinlogSyncOpen with unknown flags");
  return { wantsSnapshot: (flags & FLAG_WANTS_SNAPSHOT) !== 0, isFetch: (flags & FLAG_IS_FETCH) !== 0 };
}

export const binlogSyncOpenCodec: MessageCodec<BinlogSyncOpen> = {
  write(out, m) {
    out.u32(m.table);
    out.u16(m.slot);
    out.u64(m.replica);
    out.u64(m.term);
    out.u64(m.epoch);
    out.u8((m.wantsSnapshot ? FLAG_WANTS_SNAPSHOT : 0) | (m.isFetch ? FLAG_IS_FETCH : 0));
    out.u32(m.windowBytes);
    writePosition(out, m.last);
  },
  read: (input) => ({
    table: input.u32(),
    slot: input.u16(),
    replica: input.u64(),
    term: input.u64(),
    epoch: input.u64(),
    ...readFlags(input),
    windowBytes: input.u32(),
    last: readPosition(input),
  }),
};

export interface BinlogSync {
  readonly term: number;
  /** The leader's last index: what lag is measured against. */
  readonly lastIndex: number;
  /** Bodies of consecutive entries. */
  readonly entries: readonly Buffer[];
}

export const binlogSyncCodec: MessageCodec<BinlogSync> = {
  write(out, m) {
    out.u64(m.term);
    out.u64(m.lastIndex);
    out.varint(m.entries.length);
    for (const entry of m.entries) out.bytes(entry, 0, entry.length);
  },
  read(input) {
    const term = input.u64();
    const lastIndex = input.u64();
    const count = input.count(1);
    const entries: Buffer[] = [];
    for (let i = 0; i < count; i++) entries.push(input.bytes());
    return { term, lastIndex, entries };
  },
};

export interface BinlogSyncProbe {
  readonly term: number;
  /** Of the leader's log, by ascending index. */
  readonly positions: readonly LogPosition[];
}

const POSITION_BYTES = 20;

export const binlogSyncProbeCodec: MessageCodec<BinlogSyncProbe> = {
  write(out, m) {
    out.u64(m.term);
    out.varint(m.positions.length);
    for (const position of m.positions) writePosition(out, position);
  },
  read(input) {
    const term = input.u64();
    const count = input.count(POSITION_BYTES);
    const positions: LogPosition[] = [];
    for (let i = 0; i < count; i++) positions.push(readPosition(input));
    return { term, positions };
  },
};

/** Asks for positions of the leader's log from `firstIndex` to `lastIndex`. */
export interface BinlogSyncProbeAsk {
  readonly firstIndex: number;
  readonly lastIndex: number;
}

export const binlogSyncProbeAskCodec: MessageCodec<BinlogSyncProbeAsk> = {
  write(out, m) {
    out.u64(m.firstIndex);
    out.u64(m.lastIndex);
  },
  read: (input) => ({ firstIndex: input.u64(), lastIndex: input.u64() }),
};

export interface StreamAck {
  readonly stream: number;
  readonly appendedIndex: number;
  readonly durableIndex: number;
}

/** Of all streams of a link whose position moved in a turn. */
export interface BinlogSyncAck {
  readonly streams: readonly StreamAck[];
}

const STREAM_ACK_BYTES = 20;

export const binlogSyncAckCodec: MessageCodec<BinlogSyncAck> = {
  write(out, m) {
    out.varint(m.streams.length);
    for (const ack of m.streams) {
      out.u32(ack.stream);
      out.u64(ack.appendedIndex);
      out.u64(ack.durableIndex);
    }
  },
  read(input) {
    const count = input.count(STREAM_ACK_BYTES);
    const streams: StreamAck[] = [];
    for (let i = 0; i < count; i++) {
      streams.push({ stream: input.u32(), appendedIndex: input.u64(), durableIndex: input.u64() });
    }
    return { streams };
  },
};

const REFUSAL_CODES = {
  notLeader: 1,
  olderTerm: 2,
  unknownReplica: 3,
  noSuchSlot: 4,
  stopping: 5,
  behind: 6,
  ahead: 7,
} as const;

export type SyncRefusalCode = keyof typeof REFUSAL_CODES;

const REFUSAL_BY_NUMBER = new Map<number, SyncRefusalCode>(
  Object.entries(REFUSAL_CODES).map(([name, number]) => [number, name as SyncRefusalCode]),
);

export interface BinlogSyncRefused {
  readonly code: SyncRefusalCode;
  readonly epoch: number;
  readonly term: number;
  readonly text: string;
}

export const binlogSyncRefusedCodec: MessageCodec<BinlogSyncRefused> = {
  write(out, m) {
    out.u8(REFUSAL_CODES[m.code]);
    out.u64(m.epoch);
    out.u64(m.term);
    out.text(m.text);
  },
  read(input) {
    const number = input.u8();
    const code = REFUSAL_BY_NUMBER.get(number);
    if (code === undefined) throw protocolError(`the unknown refusal ${number} of a BinlogSync`);
    return { code, epoch: input.u64(), term: input.u64(), text: input.text() };
  },
};
