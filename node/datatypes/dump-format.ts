/**
 * The payload of DUMP and RESTORE: a value that any node of any cluster takes, whatever its hash seed. It is not
 * Redis's: a payload of one is refused by the other for its checksum. docs/formats/dump.md has the grammar:
 *
 *   type u8 (as in a record) · value in inline form, of any length · version u16 (1) · CRC-32 u32 of all before it
 *
 * Example: the string `hi` → 01 68 69 00 01 35 d1 c1 78.
 */

import { crc32 } from "../base/crc32.ts";

const VERSION = 1;
const FOOTER_BYTES = 6;

/** Makes the payload of a value: `parts` one after the other are its inline form. */
export function packDump(type: number, parts: readonly Buffer[]): Buffer {
  const dump = Buffer.concat([Buffer.from([type]), ...parts, Buffer.alloc(FOOTER_BYTES)]);
  dump.writeUInt16BE(VERSION, dump.length - FOOTER_BYTES);
  const crcAt = dump.length - 4;
  dump.writeUInt32BE(crc32(dump, 0, crcAt), crcAt);
  return dump;
}

/** A checked payload: `type`, and its value in `buf[start, end)`. */
export interface UnpackedDump {
  readonly type: number;
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Checks version and checksum of the payload `buf[start, end)`; undefined where they are wrong. */
export function unpackDump(buf: Buffer, start: number, end: number): UnpackedDump | undefined {
  if (end - start < 1 + FOOTER_BYTES) return undefined;
  if (buf.readUInt16BE(end - FOOTER_BYTES) !== VERSION) return undefined;
  if (buf.readUInt32BE(end - 4) !== crc32(buf, start, end - 4)) return undefined;
  return { type: buf[start] as number, buf, start: start + 1, end: end - FOOTER_BYTES };
}
