/**
 * SnapshotBegin, Chunk, End, Abort, Ack: the whole state of a slot, where the leader's log cannot bring a follower
 * up (docs/formats/peer-wire.md). Keys and values are those of docs/formats/keys.md without the generation.
 *
 * Example: chunk 0 with `01` → `ff` = `00 00 00 00  01  01 01  01 ff`.
 */

import { type LogPosition, readPosition, writePosition } from "./binlog-sync.ts";
import { protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

const CAUSES = { logGone: 1, diverged: 2, emptyFollower: 3 } as const;

export type SnapshotCause = keyof typeof CAUSES;

const CAUSE_BY_NUMBER = new Map<number, SnapshotCause>(
  Object.entries(CAUSES).map(([name, number]) => [number, name as SnapshotCause]),
);

export interface SnapshotBegin {
  readonly term: number;
  /** The log's position that the snapshot is the state at. */
  readonly position: LogPosition;
  /** The slot's nowMs there. */
  readonly nowMs: number;
  readonly keyCount: number;
  /** Keys that have an expiry. */
  readonly expiringCount: number;
  /** Estimated. */
  readonly sizeBytes: number;
  readonly cause: SnapshotCause;
}

export const snapshotBeginCodec: MessageCodec<SnapshotBegin> = {
  write(out, m) {
    out.u64(m.term);
    writePosition(out, m.position);
    out.u64(m.nowMs);
    out.u64(m.keyCount);
    out.u64(m.expiringCount);
    out.u64(m.sizeBytes);
    out.u8(CAUSES[m.cause]);
  },
  read(input) {
    const term = input.u64();
    const position = readPosition(input);
    const nowMs = input.u64();
    const keyCount = input.u64();
    const expiringCount = input.u64();
    const sizeBytes = input.u64();
    const cause = CAUSE_BY_NUMBER.get(input.u8());
    if (cause === undefined) throw protocolError("a snapshot of an unknown cause");
    return { term, position, nowMs, keyCount, expiringCount, sizeBytes, cause };
  },
};

export interface SnapshotEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface SnapshotChunk {
  /** From 0, without a gap. */
  readonly number: number;
  readonly entries: readonly SnapshotEntry[];
}

export const snapshotChunkCodec: MessageCodec<SnapshotChunk> = {
  write(out, m) {
    out.u32(m.number);
    out.varint(m.entries.length);
    for (const { key, value } of m.entries) {
      out.bytes(key, 0, key.length);
      out.bytes(value, 0, value.length);
    }
  },
  read(input) {
    const number = input.u32();
    const count = input.count(2);
    const entries: SnapshotEntry[] = [];
    for (let i = 0; i < count; i++) entries.push({ key: input.bytes(), value: input.bytes() });
    return { number, entries };
  },
};

export interface SnapshotEnd {
  readonly chunkCount: number;
  readonly entryCount: number;
}

export const snapshotEndCodec: MessageCodec<SnapshotEnd> = {
  write(out, m) {
    out.u32(m.chunkCount);
    out.u64(m.entryCount);
  },
  read: (input) => ({ chunkCount: input.u32(), entryCount: input.u64() }),
};

export interface SnapshotAbort {
  readonly text: string;
}

export const snapshotAbortCodec: MessageCodec<SnapshotAbort> = {
  write: (out, m) => out.text(m.text),
  read: (input) => ({ text: input.text() }),
};

export interface SnapshotAck {
  /** Chunks taken so far. */
  readonly chunkCount: number;
}

export const snapshotAckCodec: MessageCodec<SnapshotAck> = {
  write: (out, m) => out.u32(m.chunkCount),
  read: (input) => ({ chunkCount: input.u32() }),
};
