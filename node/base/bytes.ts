/**
 * Big-endian integers and byte ranges, read and written where they lie. Plain loops: for the few bytes of a key or a
 * field they are several times faster than a native call, and allocate nothing.
 */

export function readU16(buf: Buffer, at: number): number {
  return ((buf[at] as number) << 8) | (buf[at + 1] as number);
}

export function readU32(buf: Buffer, at: number): number {
  return (
    (((buf[at] as number) << 24) |
      ((buf[at + 1] as number) << 16) |
      ((buf[at + 2] as number) << 8) |
      (buf[at + 3] as number)) >>>
    0
  );
}

export function readU48(buf: Buffer, at: number): number {
  return readU16(buf, at) * 0x100000000 + readU32(buf, at + 2);
}

export function writeU16(buf: Buffer, at: number, value: number): void {
  buf[at] = value >>> 8;
  buf[at + 1] = value;
}

export function writeU32(buf: Buffer, at: number, value: number): void {
  buf[at] = value >>> 24;
  buf[at + 1] = value >>> 16;
  buf[at + 2] = value >>> 8;
  buf[at + 3] = value;
}

export function writeU48(buf: Buffer, at: number, value: number): void {
  writeU16(buf, at, Math.floor(value / 0x100000000));
  writeU32(buf, at + 2, value >>> 0);
}

/** Orders two byte ranges: negative, 0 or positive as a comes before, is, or comes after b. */
export function compareRanges(
  a: Buffer,
  aStart: number,
  aEnd: number,
  b: Buffer,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart;
  const bLength = bEnd - bStart;
  const shared = Math.min(aLength, bLength);
  for (let i = 0; i < shared; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number);
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Ranges of more bytes are copied natively: below, a plain loop is faster than the call and the view that it makes. */
const NATIVE_COPY_BYTES = 96;

/** Copies a range and returns the position behind it. */
export function copyRange(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  if (end - start > NATIVE_COPY_BYTES) {
    from.copy(to, at, start, end);
    return at + end - start;
  }
  let next = at;
  for (let i = start; i < end; i++) to[next++] = from[i] as number;
  return next;
}
