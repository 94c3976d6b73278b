/**
 * Finds the end of each reply in what a node sends, and throws at the first byte that no RESP reply may have there:
 * for tests that send what nobody should send.
 */

const LINE =
  /^(?:\+[^\r\n]*|-[^\r\n]+|:-?\d{1,20}|[$*]-1|[$*~>%=]\d{1,10}|_|#[tf]|,(?:nan|-?inf|-?\d[\d.eE+-]*)|\(-?\d+)$/;
/** What RESP2 has no reply for. */
const RESP3_TYPES = "~>%=_#,(";
const LONGEST_LINE_BYTES = 64 * 1024;

export class ReplyChecker {
  /** Text of each whole reply (at most the first 300 characters), latin1. */
  readonly replies: string[] = [];
  readonly #protocol: 2 | 3;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(protocol: 2 | 3) {
    this.#protocol = protocol;
  }

  /** Whether nothing is left of a reply that has begun. */
  get isAtEnd(): boolean {
    return this.#bytes.length === 0;
  }

  /** @throws Error where the bytes are no replies. */
  feed(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    let at = 0;
    for (;;) {
      const end = this.#skip(at);
      if (end < 0) break;
      this.replies.push(this.#bytes.toString("latin1", at, Math.min(end, at + 300)));
      at = end;
    }
    this.#bytes = this.#bytes.subarray(at);
  }

  /** Where the reply at `from` ends; -1 while it is not whole. */
  #skip(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (let left = 1; left > 0; left--) {
      const stop = bytes.indexOf("\r\n", at);
      if (stop < 0) {
        if (bytes.length - at > LONGEST_LINE_BYTES) throw new Error("a line of a reply has no end");
        return -1;
      }
      const line = bytes.toString("latin1", at, stop);
      const type = line.charAt(0);
      if (!LINE.test(line) || (this.#protocol === 2 && RESP3_TYPES.includes(type))) {
        throw new Error(`no reply of RESP${this.#protocol}: ${JSON.stringify(line.slice(0, 200))}`);
      }
      at = stop + 2;
      const count = Number(line.slice(1));
      if ("$=".includes(type) && count >= 0) {
        if (bytes.length < at + count + 2) return -1;
        if (bytes.toString("latin1", at + count, at + count + 2) !== "\r\n") {
          throw new Error(`a bulk string of ${count} bytes does not end where it says`);
        }
        at += count + 2;
      } else if ("*~>".includes(type) && count > 0) left += count;
      else if (type === "%") left += 2 * count;
    }
    return at;
  }
}
