/**
 * Reads the bodies of calls within two limits: of one body, and of all that are being read or answered. A caller has
 * proved nothing before its body is there (the proof is over it), so strangers must not be able to fill the memory.
 * A body that is refused is not kept; what still comes of it is dropped by Node.
 */

import type { IncomingMessage } from "node:http";

/** The largest heartbeat (200,000 positions) is below it. */
export const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Of all bodies together: eight of the largest, or heartbeats of the largest cluster at once as they are (64 KiB each). */
const MAX_HELD_BYTES = 128 * 1024 * 1024;

export type Body =
  /** `release` gives its bytes back once the call is answered. */
  | { readonly kind: "read"; readonly bytes: Buffer; readonly release: () => void }
  | { readonly kind: "tooLarge" }
  /** Others hold too much at the moment. */
  | { readonly kind: "busy" }
  /** The caller left before its end. */
  | { readonly kind: "gone" };

export class BodyReader {
  #heldBytes = 0;

  async read(incoming: IncomingMessage): Promise<Body> {
    if (Number(incoming.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return { kind: "tooLarge" };
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const release = (): void => {
      this.#heldBytes -= sizeBytes;
      sizeBytes = 0;
    };
    const refuse = (kind: "tooLarge" | "busy" | "gone"): Body => {
      release();
      return { kind };
    };
    try {
      for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (sizeBytes + chunk.length > MAX_BODY_BYTES) return refuse("tooLarge");
        if (this.#heldBytes + chunk.length > MAX_HELD_BYTES) return refuse("busy");
        sizeBytes += chunk.length;
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
      }
    } catch {
      return refuse("gone");
    }
    return { kind: "read", bytes: Buffer.concat(chunks), release };
  }
}
