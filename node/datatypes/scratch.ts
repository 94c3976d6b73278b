/**
 * Room for small results that a command hands to its transaction (digits of INCR, a rewritten payload): bytes that
 * must stay unchanged until the transaction ends. A range that was given out is never given out again, so nobody
 * needs to know when a transaction ends; a full block is left to the collector and a new one begun.
 */

/** Big enough that a new block is rare, small enough that a kept range pins little. */
const BLOCK_BYTES = 16 * 1024;

export class Scratch {
  /** The block that the last `take` pointed into. */
  buf: Buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  /** Takes `sizeBytes` of room; they begin at the answer, in `buf` as it is then. */
  take(sizeBytes: number): number {
    if (this.#used + sizeBytes > this.buf.length) {
      this.buf = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, sizeBytes));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += sizeBytes;
    return start;
  }
}
