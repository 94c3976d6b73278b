/**
 * The handshake of a peer link as a pure state machine, one class a side (docs/formats/peer-wire.md).
 * Input: the frames of the other side, one at a time. Output: steps to carry out in order. Nonces and the HMAC are
 * given, so that every path can be tested without sockets.
 *
 * Invariants
 * 1. No step `open` before the other side's proof has been checked.
 * 2. After `close` nothing more is taken or said.
 * 3. Only the one next frame is accepted; every other type, and every malformed payload, closes.
 */

import { assert } from "../../base/assert.ts";
import { messageOf } from "../../base/errors.ts";
import { type ClusterId, type NodeId, parseNodeId } from "../../meta/ids.ts";
import { ByteReader } from "../../wire/byte-reader.ts";
import { ByteWriter } from "../../wire/byte-writer.ts";
import { HANDSHAKE_MAGIC, type HandshakeRefusalCode, type Hello, PROOF_BYTES } from "../../wire/handshake-messages.ts";
import type { MessageCodec } from "../../wire/message-codec.ts";
import { HANDSHAKE_MESSAGES, type LinkRole } from "../../wire/messages.ts";
import { chooseVersion, NEWEST_PROTOCOL_VERSION, OLDEST_PROTOCOL_VERSION } from "../../wire/protocol-version.ts";

/** Why a link was closed before it was open: what the acceptor refused, or what this side found. */
export type HandshakeFailure = HandshakeRefusalCode | "malformed" | "badNonce";

export type HandshakeStep =
  | { readonly kind: "send"; readonly type: number; readonly payload: Buffer }
  | { readonly kind: "open"; readonly peer: NodeId; readonly version: number }
  | { readonly kind: "close"; readonly failure: HandshakeFailure; readonly text: string };

export interface HandshakeOptions {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** 32 random bytes, fresh for each link. */
  readonly nonce: Buffer;
  /** HMAC-SHA-256 under the cluster's secret. */
  readonly hmac: (message: Buffer) => Buffer;
}

export interface Handshake {
  /** What to do before the first frame comes. */
  start(): readonly HandshakeStep[];
  /** Takes a frame of the other side. */
  receive(type: number, payload: Buffer): readonly HandshakeStep[];
}

const VERSIONS = { oldest: OLDEST_PROTOCOL_VERSION, newest: NEWEST_PROTOCOL_VERSION };
const VERSIONS_TEXT = `${VERSIONS.oldest} to ${VERSIONS.newest}`;

export class DialerHandshake implements Handshake {
  readonly #options: HandshakeOptions & { readonly meant: NodeId };
  #hello: Buffer = Buffer.alloc(0);
  #transcript: Buffer = Buffer.alloc(0);
  #version = 0;
  #state: "challenge" | "welcome" | "done" = "challenge";

  constructor(options: HandshakeOptions & { readonly meant: NodeId }) {
    this.#options = options;
  }

  start(): readonly HandshakeStep[] {
    const { cluster, node, meant, nonce } = this.#options;
    this.#hello = encode(HANDSHAKE_MESSAGES.hello.codec, {
      magic: HANDSHAKE_MAGIC,
      oldestVersion: VERSIONS.oldest,
      newestVersion: VERSIONS.newest,
      cluster,
      node,
      meant,
      nonce,
      capabilities: 0,
    });
    return [{ kind: "send", type: HANDSHAKE_MESSAGES.hello.type, payload: this.#hello }];
  }

  receive(type: number, payload: Buffer): readonly HandshakeStep[] {
    if (this.#state === "done") return [];
    try {
      if (type === HANDSHAKE_MESSAGES.refused.type) return this.#refused(payload);
      if (this.#state === "challenge" && type === HANDSHAKE_MESSAGES.challenge.type) return this.#challenged(payload);
      if (this.#state === "welcome" && type === HANDSHAKE_MESSAGES.welcome.type) return this.#welcomed(payload);
    } catch (error) {
      return this.#close("malformed", messageOf(error));
    }
    return this.#close("malformed", `the peer sent a frame of type ${type} in the handshake`);
  }

  #challenged(payload: Buffer): readonly HandshakeStep[] {
    const challenge = decode(HANDSHAKE_MESSAGES.challenge.codec, payload);
    if (challenge.node !== this.#options.meant) {
      return this.#close("otherNode", `the address belongs to node ${challenge.node}, not ${this.#options.meant}`);
    }
    if (challenge.version < VERSIONS.oldest || challenge.version > VERSIONS.newest) {
      return this.#close("version", `the peer chose protocol ${challenge.version}; this node speaks ${VERSIONS_TEXT}`);
    }
    if (challenge.nonce.equals(this.#options.nonce)) {
      return this.#close("badNonce", "the peer sent this node's own nonce back");
    }
    this.#version = challenge.version;
    this.#transcript = Buffer.concat([this.#hello, payload]);
    this.#state = "welcome";
    const hmac = prove(this.#options, "dialer", this.#transcript);
    return [
      {
        kind: "send",
        type: HANDSHAKE_MESSAGES.proof.type,
        payload: encode(HANDSHAKE_MESSAGES.proof.codec, { hmac }),
      },
    ];
  }

  #welcomed(payload: Buffer): readonly HandshakeStep[] {
    const { hmac } = decode(HANDSHAKE_MESSAGES.welcome.codec, payload);
    if (!isEqualInConstantTime(hmac, prove(this.#options, "acceptor", this.#transcript))) {
      return this.#close("badProof", "the peer does not know this cluster's secret");
    }
    this.#state = "done";
    return [{ kind: "open", peer: this.#options.meant, version: this.#version }];
  }

  #refused(payload: Buffer): readonly HandshakeStep[] {
    const { code, text } = decode(HANDSHAKE_MESSAGES.refused.codec, payload);
    return this.#close(code, `the peer refused the link: ${text}`);
  }

  #close(failure: HandshakeFailure, text: string): readonly HandshakeStep[] {
    this.#state = "done";
    return [{ kind: "close", failure, text }];
  }
}

export interface AcceptorHandshakeOptions extends HandshakeOptions {
  /** A reason to refuse whoever dials: `stopping`, `busy`. */
  readonly refuseAll?: HandshakeRefusalCode | undefined;
  /** Whether the topology says that a node id is retired. */
  readonly isRetired: (node: NodeId) => boolean;
}

export class AcceptorHandshake implements Handshake {
  readonly #options: AcceptorHandshakeOptions;
  #transcript: Buffer = Buffer.alloc(0);
  #peer: NodeId | undefined;
  #version = 0;
  #state: "hello" | "proof" | "done" = "hello";

  constructor(options: AcceptorHandshakeOptions) {
    this.#options = options;
  }

  start(): readonly HandshakeStep[] {
    return [];
  }

  receive(type: number, payload: Buffer): readonly HandshakeStep[] {
    if (this.#state === "done") return [];
    try {
      if (this.#state === "hello" && type === HANDSHAKE_MESSAGES.hello.type) return this.#greeted(payload);
      if (this.#state === "proof" && type === HANDSHAKE_MESSAGES.proof.type) return this.#proved(payload);
    } catch (error) {
      return this.#close("malformed", messageOf(error));
    }
    return this.#close("malformed", `the peer sent a frame of type ${type} in the handshake`);
  }

  #greeted(payload: Buffer): readonly HandshakeStep[] {
    const hello = decode(HANDSHAKE_MESSAGES.hello.codec, payload);
    if (hello.magic !== HANDSHAKE_MAGIC) return this.#close("malformed", "the peer does not speak this protocol");
    const version = chooseVersion(VERSIONS, { oldest: hello.oldestVersion, newest: hello.newestVersion });
    if (version === undefined) {
      const theirs = `${hello.oldestVersion} to ${hello.newestVersion}`;
      return this.#refuse("version", `this node speaks protocol ${VERSIONS_TEXT}, the dialer ${theirs}`);
    }
    const refusal = this.#check(hello);
    if (refusal !== undefined) return this.#refuse(refusal.code, refusal.text);
    const { node, nonce } = this.#options;
    const challenge = encode(HANDSHAKE_MESSAGES.challenge.codec, { version, node, nonce, capabilities: 0 });
    this.#peer = parseNodeId(hello.node);
    this.#version = version;
    this.#transcript = Buffer.concat([payload, challenge]);
    this.#state = "proof";
    return [{ kind: "send", type: HANDSHAKE_MESSAGES.challenge.type, payload: challenge }];
  }

  #check(hello: Hello): { readonly code: HandshakeRefusalCode; readonly text: string } | undefined {
    const { cluster, node, refuseAll, isRetired } = this.#options;
    if (hello.cluster !== cluster) return { code: "otherCluster", text: `this node is of cluster ${cluster}` };
    if (hello.node === node) return { code: "self", text: "a node does not link to itself" };
    if (hello.meant !== node) return { code: "otherNode", text: `this is node ${node}` };
    if (isRetired(hello.node as NodeId)) return { code: "retired", text: `node ${hello.node} is retired` };
    if (refuseAll !== undefined) return { code: refuseAll, text: `this node is ${refuseAll}` };
    return undefined;
  }

  #proved(payload: Buffer): readonly HandshakeStep[] {
    const { hmac } = decode(HANDSHAKE_MESSAGES.proof.codec, payload);
    if (!isEqualInConstantTime(hmac, prove(this.#options, "dialer", this.#transcript))) {
      return this.#refuse("badProof", "the dialer does not know this cluster's secret");
    }
    this.#state = "done";
    assert(this.#peer !== undefined, "a proof comes after a hello");
    const welcome = encode(HANDSHAKE_MESSAGES.welcome.codec, {
      hmac: prove(this.#options, "acceptor", this.#transcript),
    });
    return [
      { kind: "send", type: HANDSHAKE_MESSAGES.welcome.type, payload: welcome },
      { kind: "open", peer: this.#peer, version: this.#version },
    ];
  }

  #refuse(code: HandshakeRefusalCode, text: string): readonly HandshakeStep[] {
    const payload = encode(HANDSHAKE_MESSAGES.refused.codec, { code, text });
    return [{ kind: "send", type: HANDSHAKE_MESSAGES.refused.type, payload }, ...this.#close(code, text)];
  }

  #close(failure: HandshakeFailure, text: string): readonly HandshakeStep[] {
    this.#state = "done";
    return [{ kind: "close", failure, text }];
  }
}

function prove(options: HandshakeOptions, role: LinkRole, transcript: Buffer): Buffer {
  return options.hmac(Buffer.concat([Buffer.from(`pika peer 1 ${role}\0`, "latin1"), transcript]));
}

function encode<T>(codec: MessageCodec<T>, message: T): Buffer {
  const out = new ByteWriter(256);
  codec.write(out, message);
  return Buffer.from(out.written());
}

function decode<T>(codec: MessageCodec<T>, payload: Buffer): T {
  const input = new ByteReader();
  input.reset(payload, 0, payload.length);
  const message = codec.read(input);
  input.finish();
  return message;
}

/** Compares without telling by its duration how many bytes agree. */
function isEqualInConstantTime(a: Buffer, b: Buffer): boolean {
  assert(b.length === PROOF_BYTES, "a proof is a SHA-256 HMAC");
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < b.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}
