/** The cluster's secret as the handshake uses it: HMACs and nonces from the system's cryptography. */

import { createHmac, randomBytes } from "node:crypto";
import { NONCE_BYTES } from "../wire/handshake-messages.ts";

export interface PeerSecret {
  /** HMAC-SHA-256 under the secret. */
  hmac(message: Buffer): Buffer;
  /** 32 random bytes, never the same again. */
  nonce(): Buffer;
}

export function createPeerSecret(secret: Buffer | string): PeerSecret {
  return {
    hmac: (message) => createHmac("sha256", secret).update(message).digest(),
    nonce: () => randomBytes(NONCE_BYTES),
  };
}
