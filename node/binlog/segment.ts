/**
 * A segment's name, header and record framing (docs/formats/binlog.md).
 * Refuses a header of a newer format or of another cluster or node with an OperatingError that says which.
 */

import { crc32 } from "../base/crc32.ts";
import { OperatingError } from "../base/errors.ts";
import type { ClusterId, NodeId } from "../meta/ids.ts";
import { readU64, viewOf, writeU64 } from "./entry.ts";
import type { LogPlace } from "./local-record.ts";

export const SEGMENT_HEADER_BYTES = 80;
export const RECORD_HEADER_BYTES = 8;
/** Longest body: an EXEC with several of the largest values (512 MiB) is refused before it gets here. */
export const MAX_BODY_BYTES = 1024 * 1024 * 1024;

const MAGIC = Buffer.from("PIKABLOG", "latin1");
const FORMAT_VERSION = 1;
const NAME_PATTERN = /^(\d{20})\.log$/;
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

export interface LogIdentity {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

export interface SegmentHeader extends LogIdentity {
  readonly firstSequence: number;
  /** What was durable when the header was written. */
  readonly durable: LogPlace;
}

export function segmentName(firstSequence: number): string {
  return `${String(firstSequence).padStart(20, "0")}.log`;
}

/** The first sequence that a file's name says, or undefined for other files. */
export function parseSegmentName(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  return match ? Number(match[1]) : undefined;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const out = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const view = viewOf(out);
  MAGIC.copy(out);
  view.setUint32(8, FORMAT_VERSION);
  view.setUint32(12, SEGMENT_HEADER_BYTES);
  out.write(header.cluster, 16, 16, "hex");
  out.write(header.node, 32, 16, "hex");
  writeU64(view, 48, header.firstSequence);
  writeU64(view, 56, header.durable.segment);
  writeU64(view, 64, header.durable.offset);
  view.setUint32(CRC_AT, crc32(out, 0, CRC_AT));
  return out;
}

/**
 * Reads the header at the start of a segment. Undefined where it is damaged.
 * @throws OperatingError BinlogNewerFormat, when a whole header says a version that this program does not know.
 */
export function decodeSegmentHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(CRC_AT) !== crc32(bytes, 0, CRC_AT)) return undefined;
  const version = view.getUint32(8);
  if (version !== FORMAT_VERSION) {
    throw new OperatingError(
      "BinlogNewerFormat",
      `${path}: format version ${version}, this program knows ${FORMAT_VERSION}; start it with the version that wrote it`,
      { data: { path, version } },
    );
  }
  return {
    cluster: bytes.toString("hex", 16, 32) as ClusterId,
    node: bytes.toString("hex", 32, 48) as NodeId,
    firstSequence: readU64(view, 48),
    durable: { segment: readU64(view, 56), offset: readU64(view, 64) },
  };
}

/** @throws OperatingError BinlogOfAnother, when the segment was written by another node or in another cluster. */
export function checkIdentity(header: SegmentHeader, expected: LogIdentity, path: string): void {
  const other =
    header.cluster !== expected.cluster
      ? `cluster ${header.cluster}, expected ${expected.cluster}`
      : header.node !== expected.node
        ? `node ${header.node}, expected ${expected.node}`
        : undefined;
  if (other === undefined) return;
  throw new OperatingError(
    "BinlogOfAnother",
    `${path}: written by ${other}; give this node its own data directory back`,
    {
      data: { path },
    },
  );
}

/** Frames a body that lies in a buffer of its own. */
export function frameRecord(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(RECORD_HEADER_BYTES + body.length);
  out.writeUInt32BE(body.length, 0);
  out.writeUInt32BE(crc32(body, 0, body.length), 4);
  body.copy(out, RECORD_HEADER_BYTES);
  return out;
}
