/**
 * HalfSipHash-1-3 with a 64-bit key and 32-bit output (J.-P. Aumasson, github.com/veorq/SipHash, halfsiphash).
 * A table's `hashSeed` is the key, so that clients cannot make keys or elements collide, and all replicas
 * of a table agree: the hash orders records in the database and elements in trees, and is the SCAN cursor.
 */

/** The two little-endian 32-bit words of the key. */
export interface HashKey {
  readonly k0: number;
  readonly k1: number;
}

/** The hash of `buf[start, end)`: an unsigned 32-bit number. */
export function hash32(key: HashKey, buf: Uint8Array, start: number, end: number): number {
  let v0 = key.k0;
  let v1 = key.k1;
  let v2 = 0x6c796765 ^ key.k0;
  let v3 = 0x74656462 ^ key.k1;
  const length = end - start;
  const whole = start + (length & ~3);
  let at = start;
  let tail = 0;
  for (let finalRounds = 0; ; ) {
    let m = 0;
    if (at < whole) {
      m =
        (buf[at] as number) |
        ((buf[at + 1] as number) << 8) |
        ((buf[at + 2] as number) << 16) |
        ((buf[at + 3] as number) << 24);
      at += 4;
    } else if (tail === 0) {
      m = length << 24;
      if ((length & 3) > 2) m |= (buf[whole + 2] as number) << 16;
      if ((length & 3) > 1) m |= (buf[whole + 1] as number) << 8;
      if ((length & 3) > 0) m |= buf[whole] as number;
      tail = 1;
    } else {
      if (finalRounds === 0) v2 ^= 0xff;
      if (finalRounds === 3) return (v1 ^ v3) >>> 0;
      finalRounds++;
    }
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
}
