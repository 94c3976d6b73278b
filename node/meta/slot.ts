/**
 * Which slot a key belongs to: CRC16-XMODEM of the key's hash tag, 14 bits (Redis Cluster's rule), shifted right to
 * the table's slot count. So a table slot is one contiguous range of Redis Cluster's 16,384 slots, and a client that
 * computes Redis slots finds the right node.
 * The hash tag is what stands between the first `{` and the first `}` after it, where that is not empty; else the
 * whole key. Source: Redis Cluster specification, "Hash tags".
 * Slot counts are powers of two, 1 … 16384: whoever takes one from outside checks it with `isSlotCount`.
 */

/** Number of Redis Cluster's slots. */
export const REDIS_SLOT_COUNT = 16_384;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const CRC_TABLE = makeCrcTable();

function makeCrcTable(): Uint16Array {
  const table = new Uint16Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    table[byte] = crc;
  }
  return table;
}

/** CRC16-XMODEM (polynomial 0x1021, start 0) of `buf[start, end)`. */
function crc16(buf: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let at = start; at < end; at++) {
    crc = ((crc << 8) & 0xff00) ^ (CRC_TABLE[(crc >>> 8) ^ (buf[at] as number)] as number);
  }
  return crc;
}

/** The Redis Cluster slot, 0 … 16383, of the key that lies at `buf[start, end)`. */
export function redisSlotOf(buf: Uint8Array, start: number, end: number): number {
  for (let open = start; open < end; open++) {
    if (buf[open] !== OPEN_BRACE) continue;
    for (let close = open + 1; close < end; close++) {
      if (buf[close] !== CLOSE_BRACE) continue;
      if (close > open + 1) return crc16(buf, open + 1, close) & 0x3fff;
      break;
    }
    break;
  }
  return crc16(buf, start, end) & 0x3fff;
}

/** The slot, 0 … slotCount − 1, of the key that lies at `buf[start, end)` in a table of `slotCount` slots. */
export function slotOf(buf: Uint8Array, start: number, end: number, slotCount: number): number {
  return redisSlotOf(buf, start, end) >>> (Math.clz32(slotCount) - 17);
}

/** The first and last Redis slot (both inclusive) of a table's slot. */
export function redisSlotRange(slot: number, slotCount: number): { readonly first: number; readonly last: number } {
  const width = REDIS_SLOT_COUNT / slotCount;
  return { first: slot * width, last: (slot + 1) * width - 1 };
}

/** Whether a table may have so many slots: a power of two, 1 … 16384. */
export function isSlotCount(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && count <= REDIS_SLOT_COUNT && (count & (count - 1)) === 0;
}
