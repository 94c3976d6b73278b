/** Room in which the key of a tree is put together: reused from call to call, but not kept when a key was large. */

const KEPT_BYTES = 4096;

export class TreeKey {
  buf: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES);
  /** The key lies in `buf[0, end)`. */
  end = 0;

  /** Makes room for a key of `sizeBytes`; what `buf` held before is gone. */
  reserve(sizeBytes: number): void {
    if (sizeBytes > KEPT_BYTES || this.buf.length > KEPT_BYTES) {
      this.buf = Buffer.allocUnsafeSlow(Math.max(KEPT_BYTES, sizeBytes));
    }
    this.end = sizeBytes;
  }
}
