/**
 * The codec of the records that concern this node alone (docs/formats/binlog.md): checkpoint, durable, position,
 * and the raft state entry's vote. They are rare, so they are made as buffers of their own.
 * Refuses nothing: what is read here has passed its CRC, and its size is checked by the reader.
 */

import type { ReplicaId, TableId } from "../meta/ids.ts";
import {
  ENTRY_HEADER_BYTES,
  EntryHeader,
  KIND_RAFT_STATE,
  readHeader,
  readU64,
  viewOf,
  writeHeader,
  writeU64,
} from "./entry.ts";

export const FIRST_LOCAL_KIND = 0x80;
export const KIND_CHECKPOINT = 0x81;
export const KIND_DURABLE = 0x82;
export const KIND_POSITION = 0x83;

const CHECKPOINT_HEADER_BYTES = 8;
const CHECKPOINT_SLOT_BYTES = 32;
export const DURABLE_BODY_BYTES = 24;
const POSITION_BODY_BYTES = 40;

/** What a replica has promised: survives in the log, not in the database. */
export interface RaftState {
  readonly table: TableId;
  readonly slot: number;
  readonly term: number;
  /** The replica that was granted `term`; 0: none. */
  readonly vote: number;
  readonly commit: number;
}

/** A place in the log: a segment by its first sequence (0: before everything), and a byte offset in it. */
export interface LogPlace {
  readonly segment: number;
  readonly offset: number;
}

/** Where a slot's log goes on for a replica. */
export interface SlotPositionRecord {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly term: number;
  readonly index: number;
  readonly crc: number;
}

export function encodeRaftState(state: RaftState): Buffer {
  const body = Buffer.alloc(ENTRY_HEADER_BYTES + 8);
  const view = viewOf(body);
  const header = new EntryHeader();
  header.kind = KIND_RAFT_STATE;
  header.table = state.table;
  header.slot = state.slot;
  header.term = state.term;
  header.index = state.commit;
  writeHeader(view, 0, header);
  writeU64(view, ENTRY_HEADER_BYTES, state.vote);
  return body;
}

export function decodeRaftState(body: Buffer): RaftState {
  const view = viewOf(body);
  const header = new EntryHeader();
  readHeader(view, 0, header);
  return {
    table: header.table as TableId,
    slot: header.slot,
    term: header.term,
    vote: readU64(view, ENTRY_HEADER_BYTES),
    commit: header.index,
  };
}

export function encodeCheckpoint(states: readonly RaftState[]): Buffer {
  const body = Buffer.alloc(CHECKPOINT_HEADER_BYTES + CHECKPOINT_SLOT_BYTES * states.length);
  const view = viewOf(body);
  body[0] = KIND_CHECKPOINT;
  view.setUint32(4, states.length);
  let at = CHECKPOINT_HEADER_BYTES;
  for (const state of states) {
    view.setUint32(at, state.table);
    view.setUint16(at + 4, state.slot);
    writeU64(view, at + 8, state.term);
    writeU64(view, at + 16, state.vote);
    writeU64(view, at + 24, state.commit);
    at += CHECKPOINT_SLOT_BYTES;
  }
  return body;
}

export function decodeCheckpoint(body: Buffer): readonly RaftState[] {
  const view = viewOf(body);
  return Array.from({ length: view.getUint32(4) }, (_, i) => {
    const at = CHECKPOINT_HEADER_BYTES + CHECKPOINT_SLOT_BYTES * i;
    return {
      table: view.getUint32(at) as TableId,
      slot: view.getUint16(at + 4),
      term: readU64(view, at + 8),
      vote: readU64(view, at + 16),
      commit: readU64(view, at + 24),
    };
  });
}

export function encodeDurable(place: LogPlace): Buffer {
  const body = Buffer.alloc(DURABLE_BODY_BYTES);
  const view = viewOf(body);
  body[0] = KIND_DURABLE;
  writeU64(view, 8, place.segment);
  writeU64(view, 16, place.offset);
  return body;
}

export function decodeDurable(body: Buffer): LogPlace {
  const view = viewOf(body);
  return { segment: readU64(view, 8), offset: readU64(view, 16) };
}

export function encodePosition(position: SlotPositionRecord): Buffer {
  const body = Buffer.alloc(POSITION_BODY_BYTES);
  const view = viewOf(body);
  body[0] = KIND_POSITION;
  view.setUint16(2, position.slot);
  view.setUint32(4, position.table);
  writeU64(view, 8, position.replica);
  writeU64(view, 16, position.term);
  writeU64(view, 24, position.index);
  view.setUint32(32, position.crc);
  return body;
}

export function decodePosition(body: Buffer): SlotPositionRecord {
  const view = viewOf(body);
  return {
    slot: view.getUint16(2),
    table: view.getUint32(4) as TableId,
    replica: readU64(view, 8) as ReplicaId,
    term: readU64(view, 16),
    index: readU64(view, 24),
    crc: view.getUint32(32),
  };
}

/** Whether a local record's body has the size that its kind wants. */
export function isWellFormedLocal(body: Buffer): boolean {
  switch (body[0]) {
    case KIND_CHECKPOINT:
      return (
        body.length >= CHECKPOINT_HEADER_BYTES &&
        body.length === CHECKPOINT_HEADER_BYTES + CHECKPOINT_SLOT_BYTES * body.readUInt32BE(4)
      );
    case KIND_DURABLE:
      return body.length === DURABLE_BODY_BYTES;
    case KIND_POSITION:
      return body.length === POSITION_BODY_BYTES;
    default:
      return false;
  }
}

/** Whether place `a` lies behind place `b`. */
export function isBehind(a: LogPlace, b: LogPlace): boolean {
  return a.segment !== b.segment ? a.segment > b.segment : a.offset > b.offset;
}
