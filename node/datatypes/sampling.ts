/**
 * Picks positions at random, for SPOP, SRANDMEMBER, HRANDFIELD and ZRANDMEMBER. The same seed gives the same
 * positions on every replica; every subset of the wanted size is as likely as every other.
 */

import type { Prng } from "../base/prng.ts";

/** From this part of all on, walking over all positions is cheaper than remembering the picked ones. */
const DENSE_PART = 1 / 4;

/** `count` different positions below `total`, ascending; `count` ≤ `total`. Takes 8 bytes for each. */
export function samplePositions(random: Prng, count: number, total: number): Float64Array {
  return count >= total * DENSE_PART ? sampleDense(random, count, total) : sampleSparse(random, count, total);
}

/** Each position is taken with the chance (still wanted) / (still to come): D. Knuth, TAOCP 3.4.2, algorithm S. */
function sampleDense(random: Prng, count: number, total: number): Float64Array {
  const positions = new Float64Array(count);
  let taken = 0;
  for (let position = 0; taken < count; position++) {
    if (random.nextFloat() * (total - position) < count - taken) positions[taken++] = position;
  }
  return positions;
}

/** For each of the last `count` positions p: a draw from [0, p], or p itself if that was drawn before (R. Floyd). */
function sampleSparse(random: Prng, count: number, total: number): Float64Array {
  const picked = new Set<number>();
  for (let last = total - count; last < total; last++) {
    const drawn = random.nextBelow(last + 1);
    picked.add(picked.has(drawn) ? last : drawn);
  }
  return Float64Array.from(picked).sort();
}
