/**
 * The four messages of the handshake and its refusal (docs/formats/peer-wire.md). The decisions are in
 * router/core/handshake.ts; here are only the bytes.
 *
 * Example: Refused, badProof, "no" = `06 02 6e 6f`.
 */

import { protocolError } from "./byte-reader.ts";
import type { MessageCodec } from "./message-codec.ts";

export const HANDSHAKE_MAGIC = 0x504b504c;
export const NONCE_BYTES = 32;
export const PROOF_BYTES = 32;
/** The longest payload while a handshake is going on. */
export const MAX_HANDSHAKE_PAYLOAD_BYTES = 512;
/** The longest text of a refusal in UTF-16 units: at most three bytes each, so that it fits the limit above. */
const MAX_REFUSAL_UNITS = 160;

export interface Hello {
  readonly magic: number;
  readonly oldestVersion: number;
  readonly newestVersion: number;
  readonly cluster: string;
  /** The dialer's node id. */
  readonly node: string;
  /** The node id that the dialer means to reach. */
  readonly meant: string;
  readonly nonce: Buffer;
  readonly capabilities: number;
}

export const helloCodec: MessageCodec<Hello> = {
  write(out, m) {
    out.u32(m.magic);
    out.u16(m.oldestVersion);
    out.u16(m.newestVersion);
    out.id128(m.cluster);
    out.id128(m.node);
    out.id128(m.meant);
    out.raw(m.nonce, 0, NONCE_BYTES);
    out.u32(m.capabilities);
  },
  read: (input) => ({
    magic: input.u32(),
    oldestVersion: input.u16(),
    newestVersion: input.u16(),
    cluster: input.id128(),
    node: input.id128(),
    meant: input.id128(),
    nonce: input.raw(NONCE_BYTES),
    capabilities: input.u32(),
  }),
};

export interface Challenge {
  readonly version: number;
  /** The acceptor's node id. */
  readonly node: string;
  readonly nonce: Buffer;
  readonly capabilities: number;
}

export const challengeCodec: MessageCodec<Challenge> = {
  write(out, m) {
    out.u16(m.version);
    out.id128(m.node);
    out.raw(m.nonce, 0, NONCE_BYTES);
    out.u32(m.capabilities);
  },
  read: (input) => ({
    version: input.u16(),
    node: input.id128(),
    nonce: input.raw(NONCE_BYTES),
    capabilities: input.u32(),
  }),
};

/** Proof and Welcome: the HMAC of the side that sends it. */
export interface Proof {
  readonly hmac: Buffer;
}

export const proofCodec: MessageCodec<Proof> = {
  write: (out, m) => out.raw(m.hmac, 0, PROOF_BYTES),
  read: (input) => ({ hmac: input.raw(PROOF_BYTES) }),
};

const REFUSAL_CODES = {
  version: 1,
  otherCluster: 2,
  otherNode: 3,
  self: 4,
  retired: 5,
  badProof: 6,
  stopping: 7,
  busy: 8,
} as const;

export type HandshakeRefusalCode = keyof typeof REFUSAL_CODES;

const REFUSAL_BY_NUMBER = new Map<number, HandshakeRefusalCode>(
  Object.entries(REFUSAL_CODES).map(([name, number]) => [number, name as HandshakeRefusalCode]),
);

export interface HandshakeRefused {
  readonly code: HandshakeRefusalCode;
  readonly text: string;
}

export const handshakeRefusedCodec: MessageCodec<HandshakeRefused> = {
  write(out, m) {
    out.u8(REFUSAL_CODES[m.code]);
    out.text(m.text.slice(0, MAX_REFUSAL_UNITS));
  },
  read(input) {
    const number = input.u8();
    const code = REFUSAL_BY_NUMBER.get(number);
    if (code === undefined) throw protocolError(`the unknown refusal ${number}`);
    return { code, text: input.text() };
  },
};
