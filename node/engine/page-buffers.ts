/**
 * Buffers for the pages that a transaction edits. They are all given back at its end, when the cache has copied what
 * was written: a new buffer for each edited page took a third of the time of LPUSH.
 */

import { LEAF_MAX_BYTES } from "./page.ts";

/** Pages that most commands stay below; the buffers are kept, 256 KiB. Further pages get buffers of their own. */
const MAX_KEPT_BUFFERS = 64;

export class PageBuffers {
  readonly #kept: Buffer[] = [];
  #taken = 0;

  /** A buffer of at least `sizeBytes`, with anything in it. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes > LEAF_MAX_BYTES || this.#taken === MAX_KEPT_BUFFERS) return Buffer.allocUnsafeSlow(sizeBytes);
    let buffer = this.#kept[this.#taken];
    if (buffer === undefined) {
      buffer = Buffer.allocUnsafeSlow(LEAF_MAX_BYTES);
      this.#kept.push(buffer);
    }
    this.#taken++;
    return buffer;
  }

  /** Ends the use of all buffers that were taken. */
  giveBackAll(): void {
    this.#taken = 0;
  }
}
