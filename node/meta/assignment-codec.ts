/**
 * A table's assignment as one compact value (docs/formats/metadata.md, "The assignment value").
 * Grammar, all integers big-endian, varint = LEB128, zigzag maps 0, −1, 1, −2 … to 0, 1, 2, 3 …:
 *
 *   value   = u8 version, u8 flags, varint slots, varint nodes, node id (16 bytes)*, slot*, u32 crc
 *   slot    = u8 (leader + 1) << 4 | replicas, varint term, replica*
 *   replica = varint node index, varint zigzag(id − id before)
 *
 * Example: one slot, term 1, led by replica 1 on node 00…0a: 01 00 01 01 00×15 0a 11 01 00 02 <crc>.
 * Refuses what is not exactly that: another version, a wrong checksum, bytes too many or too few, an index out of range.
 */

import { assert } from "../base/assert.ts";
import { crc32 } from "../base/crc32.ts";
import { OperatingError } from "../base/errors.ts";
import { type NodeId, type ReplicaId, replicaId } from "./ids.ts";
import { isSlotCount } from "./slot.ts";
import type { Replica, SlotAssignment } from "./topology.ts";

const VERSION = 1;
const NODE_ID_BYTES = 16;
/** A slot has at most so many replicas: what a nibble holds. */
export const MAX_REPLICAS = 15;
/** Ids stay below it, so that the zigzag of a difference is a safe integer. */
export const REPLICA_ID_LIMIT = 2 ** 48;

/** The value of a table's slots, in order. Slots have at most MAX_REPLICAS replicas. */
export function encodeAssignment(slots: readonly SlotAssignment[]): Buffer {
  const nodeIndex = new Map<NodeId, number>();
  for (const slot of slots) {
    for (const { node } of slot.replicas) if (!nodeIndex.has(node)) nodeIndex.set(node, nodeIndex.size);
  }
  const writer = new ByteWriter(64 + nodeIndex.size * NODE_ID_BYTES + slots.length * 16);
  writer.u8(VERSION);
  writer.u8(0);
  writer.varint(slots.length);
  writer.varint(nodeIndex.size);
  for (const node of nodeIndex.keys()) writer.bytes(Buffer.from(node, "hex"));
  let previousId = 0;
  for (const slot of slots) {
    assert(slot.replicas.length <= MAX_REPLICAS, "a slot has at most 15 replicas");
    assert(slot.leader >= -1 && slot.leader < slot.replicas.length, "a slot's leader is one of its replicas");
    writer.u8(((slot.leader + 1) << 4) | slot.replicas.length);
    writer.varint(slot.term);
    for (const replica of slot.replicas) {
      writer.varint(nodeIndex.get(replica.node) ?? 0);
      const difference = replica.id - previousId;
      writer.varint(difference >= 0 ? 2 * difference : -2 * difference - 1);
      previousId = replica.id;
    }
  }
  return writer.finish();
}

/**
 * The slots of a value.
 * @throws OperatingError `BadAssignment` that names `where` (the key or path it comes from), the offset and the fault.
 */
export function decodeAssignment(value: Buffer, where: string): readonly SlotAssignment[] {
  const reader = new ByteReader(value, where);
  reader.checkEnvelope();
  const slotCount = reader.varint();
  if (!isSlotCount(slotCount)) throw reader.fault(`${slotCount} slots are not a power of two up to 16384`);
  const nodeCount = reader.varint();
  const nodes: NodeId[] = [];
  for (let i = 0; i < nodeCount; i++) nodes.push(reader.nodeId());
  const slots: SlotAssignment[] = [];
  let previousId = 0;
  for (let slot = 0; slot < slotCount; slot++) {
    const head = reader.u8();
    const replicaCount = head & 15;
    const leader = (head >>> 4) - 1;
    if (leader >= replicaCount) throw reader.fault(`slot ${slot}: leader ${leader} of ${replicaCount} replicas`);
    const term = reader.varint();
    const replicas: Replica[] = [];
    for (let i = 0; i < replicaCount; i++) {
      const node = nodes[reader.varint()];
      if (node === undefined) throw reader.fault(`slot ${slot}: a replica's node is not in the list`);
      const zigzag = reader.varint();
      previousId += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      if (previousId < 1 || previousId >= REPLICA_ID_LIMIT)
        throw reader.fault(`slot ${slot}: replica id ${previousId}`);
      replicas.push({ id: replicaId(previousId) satisfies ReplicaId, node });
    }
    slots.push({ term, leader, replicas });
  }
  reader.checkEnd();
  return slots;
}

class ByteWriter {
  #buffer: Buffer;
  #size = 0;

  constructor(capacityBytes: number) {
    this.#buffer = Buffer.allocUnsafe(capacityBytes);
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#size++] = value;
  }

  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "a varint is a safe integer from 0");
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.#size++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[this.#size++] = rest;
  }

  bytes(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#size += bytes.copy(this.#buffer, this.#size);
  }

  /** Adds the checksum and gives the value. */
  finish(): Buffer {
    this.#reserve(4);
    this.#buffer.writeUInt32BE(crc32(this.#buffer, 0, this.#size), this.#size);
    return this.#buffer.subarray(0, this.#size + 4);
  }

  #reserve(sizeBytes: number): void {
    if (this.#size + sizeBytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(2 * (this.#size + sizeBytes));
    this.#buffer.copy(grown, 0, 0, this.#size);
    this.#buffer = grown;
  }
}

class ByteReader {
  readonly #buffer: Buffer;
  readonly #where: string;
  #at = 0;
  #end = 0;

  constructor(buffer: Buffer, where: string) {
    this.#buffer = buffer;
    this.#where = where;
  }

  /** Version, flags and checksum. */
  checkEnvelope(): void {
    const size = this.#buffer.length;
    if (size < 8) throw this.fault(`${size} bytes are too few`);
    const version = this.#buffer[0];
    if (version !== VERSION) throw this.fault(`version ${version} is not known, this program knows ${VERSION}`);
    this.#end = size - 4;
    if (crc32(this.#buffer, 0, this.#end) !== this.#buffer.readUInt32BE(this.#end)) throw this.fault("wrong checksum");
    if (this.#buffer[1] !== 0) throw this.fault(`flags ${this.#buffer[1]} are not known`);
    this.#at = 2;
  }

  u8(): number {
    if (this.#at >= this.#end) throw this.fault("ends too early");
    return this.#buffer[this.#at++] as number;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw this.fault("a number is too large");
  }

  nodeId(): NodeId {
    if (this.#at + NODE_ID_BYTES > this.#end) throw this.fault("ends too early");
    this.#at += NODE_ID_BYTES;
    return this.#buffer.toString("hex", this.#at - NODE_ID_BYTES, this.#at) as NodeId;
  }

  checkEnd(): void {
    if (this.#at !== this.#end) throw this.fault(`${this.#end - this.#at} bytes too many`);
  }

  fault(problem: string): OperatingError {
    return new OperatingError("BadAssignment", `${this.#where}: assignment value, offset ${this.#at}: ${problem}`, {
      data: { where: this.#where, offset: this.#at },
    });
  }
}
