/**
 * What every codec of the peer wire must keep: golden bytes, round trips of any message, and for truncated or
 * arbitrary bytes either a message or PeerProtocolError, never another error.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OperatingError } from "../../node/base/errors.ts";
import { ByteReader } from "../../node/wire/byte-reader.ts";
import { ByteWriter } from "../../node/wire/byte-writer.ts";
import type { MessageCodec } from "../../node/wire/message-codec.ts";

export interface CodecCase<T> {
  readonly name: string;
  readonly codec: MessageCodec<T>;
  readonly golden: { readonly message: T; readonly hex: string };
  readonly arbitrary: fc.Arbitrary<T>;
  /** What of a message must come back; the message itself when absent. */
  readonly normalize?: (message: T) => unknown;
}

export function encodeMessage<T>(codec: MessageCodec<T>, message: T): Buffer {
  const out = new ByteWriter(8);
  codec.write(out, message);
  return Buffer.from(out.written());
}

function decodeMessage<T>(codec: MessageCodec<T>, payload: Buffer): T {
  const input = new ByteReader();
  input.reset(payload, 0, payload.length);
  const message = codec.read(input);
  input.finish();
  return message;
}

/** Decodes; undefined where the bytes are refused as a protocol error. Any other error fails the test. */
function tryDecode<T>(codec: MessageCodec<T>, payload: Buffer): T | undefined {
  try {
    return decodeMessage(codec, payload);
  } catch (error) {
    if (error instanceof OperatingError && error.code === "PeerProtocolError") return undefined;
    throw error;
  }
}

export const anyU32 = fc.nat(0xffffffff);
export const anyU16 = fc.nat(0xffff);
export const anyU64 = fc.nat({ max: Number.MAX_SAFE_INTEGER });
export const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
export const anyId128 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

export function describeCodec<T>(suite: CodecCase<T>): void {
  const { name, codec, golden, arbitrary, normalize = (message: T) => message } = suite;
  describe(name, () => {
    it("has the documented bytes", () => {
      const hex = golden.hex.replaceAll(" ", "");
      expect(encodeMessage(codec, golden.message).toString("hex")).toBe(hex);
      expect(normalize(decodeMessage(codec, Buffer.from(hex, "hex")))).toEqual(normalize(golden.message));
    });
    it("reads what it wrote", () => {
      fc.assert(
        fc.property(arbitrary, (message) => {
          expect(normalize(decodeMessage(codec, encodeMessage(codec, message)))).toEqual(normalize(message));
        }),
      );
    });
    it("refuses every truncation and whatever has bytes too many", () => {
      fc.assert(
        fc.property(arbitrary, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (message, part) => {
          const whole = encodeMessage(codec, message);
          const cut = whole.subarray(0, Math.floor(whole.length * part));
          const read = tryDecode(codec, cut);
          if (read !== undefined) expect(encodeMessage(codec, read)).toEqual(cut);
        }),
      );
    });
    it("never fails on garbage with another error than PeerProtocolError", () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void tryDecode(codec, Buffer.from(bytes))));
    });
  });
}
