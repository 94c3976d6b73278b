import { expect, it } from "vitest";
import { createPeerSecret } from "../../../node/router/peer-secret.ts";

it("makes HMAC-SHA-256 (RFC 4231, case 2) and fresh nonces", () => {
  const secret = createPeerSecret("Jefe");
  expect(secret.hmac(Buffer.from("what do ya want for nothing?")).toString("hex")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  expect(secret.nonce().length).toBe(32);
  expect(secret.nonce().equals(secret.nonce())).toBe(false);
});
