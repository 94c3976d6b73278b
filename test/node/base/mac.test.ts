import { expect, test } from "vitest";
import { hmacSha256, isSameSecret, randomHex, sha256 } from "../../../node/base/mac.ts";

test("the hashes are the published ones", () => {
  // RFC 4231, test case 2; FIPS 180-2, appendix B.1.
  expect(hmacSha256("Jefe", "what do ya want for nothing?")).toBe(
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  );
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("random ids have their length and differ", () => {
  expect(randomHex(16)).toMatch(/^[0-9a-f]{32}$/);
  expect(randomHex(16)).not.toBe(randomHex(16));
});

test("secrets are the same only when they are equal", () => {
  expect(isSameSecret("a", "a")).toBe(true);
  expect(isSameSecret("a", "b")).toBe(false);
  expect(isSameSecret("a", "aa")).toBe(false);
});
