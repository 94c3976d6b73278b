/**
 * LEB128 varints, unsigned and canonical (no padding), up to 2^53: lengths and counts in stored formats.
 * A reader goes on behind one at `at + varintSize(value)`, so that nothing is allocated for two results.
 * Example: 300 = 0b10_0101100 → `ac 02`.
 */

/** The number that starts at `buf[at]`. The caller knows that a whole varint lies there. */
export function readVarint(buf: Uint8Array, at: number): number {
  const first = buf[at] as number;
  if (first < 0x80) return first;
  let value = first & 0x7f;
  let scale = 0x80;
  for (let next = at + 1; ; next++) {
    const byte = buf[next] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 0x80;
  }
}

/** How many bytes the varint of `value` takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let size = 3;
  for (let limit = 0x200000; value >= limit; limit *= 0x80) size++;
  return size;
}

/** Writes `value` at `buf[at]` and returns the position behind it. */
export function writeVarint(buf: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 0x80) {
    buf[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buf[next++] = rest;
  return next;
}
