/**
 * A small seeded generator (splitmix32): the same seed gives the same numbers on every replica.
 * Randomness in commands comes from the log entry's seed through this, never from Math.random.
 */

export class Prng {
  #state: number;

  /** @param seed any number; its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Starts over from another seed (a transaction reuses its generator). */
  reseed(seed: number): void {
    this.#state = seed | 0;
  }

  /** An unsigned 32-bit number. */
  nextUint32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** A number in [0, 1) with 53 random bits. */
  nextFloat(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  /** A whole number in [0, bound), `bound` up to 2^53. */
  nextBelow(bound: number): number {
    return Math.floor(this.nextFloat() * bound);
  }
}
