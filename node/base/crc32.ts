/**
 * CRC-32 (IEEE 802.3, the polynomial of zlib and gzip) over a range of a buffer.
 * In JavaScript, four bytes a step: for entries of some hundred bytes it is faster than the native
 * function, whose call and slice cost 200 ns (measured: 150 B in 110 ns against 195 ns). Longer ranges are given to
 * the native one, which takes 100 MB in a tenth of the time.
 */

import { crc32 as nativeCrc32 } from "node:zlib";

/** From so many bytes on the native function is faster. */
const NATIVE_FROM_BYTES = 512;

const TABLE = makeTables();

function makeTables(): Int32Array {
  const table = new Int32Array(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let k = 1; k < 4; k++) {
      const previous = table[(k - 1) * 256 + byte] as number;
      table[k * 256 + byte] = (previous >>> 8) ^ (table[previous & 255] as number);
    }
  }
  return table;
}

/**
 * The CRC-32 of `buf[start, end)` as an unsigned 32-bit number.
 * `seed` is the CRC of the bytes before it (0 for none), as in zlib.
 */
export function crc32(buf: Uint8Array, start: number, end: number, seed = 0): number {
  if (end - start >= NATIVE_FROM_BYTES) return nativeCrc32(buf.subarray(start, end), seed);
  let crc = ~seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    crc ^=
      (buf[at] as number) |
      ((buf[at + 1] as number) << 8) |
      ((buf[at + 2] as number) << 16) |
      ((buf[at + 3] as number) << 24);
    crc =
      (TABLE[768 + (crc & 255)] as number) ^
      (TABLE[512 + ((crc >>> 8) & 255)] as number) ^
      (TABLE[256 + ((crc >>> 16) & 255)] as number) ^
      (TABLE[crc >>> 24] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (buf[at] as number)) & 255] as number);
  return ~crc >>> 0;
}
