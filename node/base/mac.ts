/**
 * Keyed hashes, hashes and random ids, as Node's crypto gives them. Pure parts take these functions as arguments.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** HMAC-SHA-256 of a UTF-8 text, hex. */
export function hmacSha256(secret: string, text: string): string {
  return createHmac("sha256", secret).update(text, "utf8").digest("hex");
}

/** SHA-256, hex. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** `sizeBytes` random bytes from the system, hex. */
export function randomHex(sizeBytes: number): string {
  return randomBytes(sizeBytes).toString("hex");
}

/** Compares two texts in a time that depends on their lengths only. */
export function isSameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a, "utf8");
  const right = Buffer.from(b, "utf8");
  return left.length === right.length && timingSafeEqual(left, right);
}
