import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ClusterId, NodeId } from "../../../../node/meta/ids.ts";
import {
  AcceptorHandshake,
  type AcceptorHandshakeOptions,
  DialerHandshake,
  type Handshake,
  type HandshakeStep,
} from "../../../../node/router/core/handshake.ts";

const CLUSTER = "c".repeat(32) as ClusterId;
const OTHER_CLUSTER = "d".repeat(32) as ClusterId;
const A = "a".repeat(32) as NodeId;
const B = "b".repeat(32) as NodeId;
const E = "e".repeat(32) as NodeId;

let nonceCount = 0;
const freshNonce = () => Buffer.alloc(32, ++nonceCount);
const hmacOf = (secret: string) => (message: Buffer) => createHmac("sha256", secret).update(message).digest();

function dialer(over: { cluster?: ClusterId; node?: NodeId; meant?: NodeId; secret?: string; nonce?: Buffer } = {}) {
  return new DialerHandshake({
    cluster: over.cluster ?? CLUSTER,
    node: over.node ?? A,
    meant: over.meant ?? B,
    nonce: over.nonce ?? freshNonce(),
    hmac: hmacOf(over.secret ?? "secret"),
  });
}

function acceptor(over: Partial<AcceptorHandshakeOptions> & { secret?: string } = {}) {
  const { secret = "secret", ...rest } = over;
  return new AcceptorHandshake({
    cluster: CLUSTER,
    node: B,
    nonce: freshNonce(),
    hmac: hmacOf(secret),
    isRetired: () => false,
    ...rest,
  });
}

interface Sent {
  readonly type: number;
  readonly payload: Buffer;
}

const sentOf = (steps: readonly HandshakeStep[]): Sent[] => steps.filter((step) => step.kind === "send");
const endOf = (steps: readonly HandshakeStep[]) => steps.find((step) => step.kind !== "send");

/** Lets two sides talk until nobody says anything; `tamper` may change or drop each frame. */
function talk(a: Handshake, b: Handshake, tamper: (frame: Sent) => Sent | undefined = (frame) => frame) {
  const ends: { a: HandshakeStep | undefined; b: HandshakeStep | undefined } = { a: undefined, b: undefined };
  const said: Sent[] = [];
  let toB = sentOf(a.start());
  let toA = sentOf(b.start());
  while (toA.length + toB.length > 0) {
    const forB = toB;
    const forA = toA;
    toA = [];
    toB = [];
    for (const [frames, side, key] of [
      [forB, b, "b"],
      [forA, a, "a"],
    ] as const) {
      for (const frame of frames) {
        said.push(frame);
        const given = tamper(frame);
        if (given === undefined) continue;
        const steps = side.receive(given.type, given.payload);
        ends[key] ??= endOf(steps);
        (key === "b" ? toA : toB).push(...sentOf(steps));
      }
    }
  }
  return { ...ends, said };
}

describe("the handshake", () => {
  it("opens both sides when everything fits", () => {
    const { a, b, said } = talk(dialer(), acceptor());
    expect(a).toEqual({ kind: "open", peer: B, version: 3 });
    expect(b).toEqual({ kind: "open", peer: A, version: 3 });
    expect(said.map(({ type }) => type)).toEqual([1, 2, 3, 4]);
  });

  it("has the documented proofs", () => {
    const nonces = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)] as const;
    const { said } = talk(dialer({ nonce: nonces[0] }), acceptor({ nonce: nonces[1] }));
    expect(said.slice(2).map(({ payload }) => payload.toString("hex"))).toEqual([
      "4045a902e178aa63bdb77abb4844037fdc6a6d1316b16c4210d30ea827a46582",
      "0f96f0b7cfee7ddb4aa8c779674f22b897ba522bb06e73d5a6b6a6a6c9a39bbf",
    ]);
  });

  it.each([
    ["another cluster", dialer({ cluster: OTHER_CLUSTER }), acceptor(), "otherCluster"],
    ["a dialer with another secret", dialer({ secret: "guess" }), acceptor(), "badProof"],
    ["an address that belongs to another node", dialer({ meant: E }), acceptor(), "otherNode"],
    ["a node that reaches itself", dialer({ node: B }), acceptor(), "self"],
    ["a retired node", dialer(), acceptor({ isRetired: (node) => node === A }), "retired"],
    ["a node that stops", dialer(), acceptor({ refuseAll: "stopping" }), "stopping"],
    ["a node with too many links", dialer(), acceptor({ refuseAll: "busy" }), "busy"],
  ])("refuses %s and says so", (_what, from, to, failure) => {
    const { a, b } = talk(from, to);
    expect(a).toMatchObject({ kind: "close", failure });
    expect(b).toMatchObject({ kind: "close", failure });
  });

  it("refuses versions without overlap", () => {
    const { a, b } = talk(dialer(), acceptor(), (frame) => {
      if (frame.type !== 1) return frame;
      const payload = Buffer.from(frame.payload);
      payload.writeUInt16BE(7, 4);
      payload.writeUInt16BE(9, 6);
      return { type: 1, payload };
    });
    expect(b).toMatchObject({ kind: "close", failure: "version", text: expect.stringContaining("7 to 9") });
    expect(a).toMatchObject({ kind: "close", failure: "version" });
  });

  it("does not open to an acceptor that does not know the secret", () => {
    const imposter = {
      start: () => [],
      receive: (type: number, payload: Buffer): readonly HandshakeStep[] => {
        if (type === 1) return acceptor().receive(type, payload);
        return [{ kind: "send", type: 4, payload: Buffer.alloc(32, 1) }];
      },
    };
    expect(talk(dialer(), imposter).a).toMatchObject({ kind: "close", failure: "badProof" });
  });

  it("does not take its own proof back", () => {
    let proof: Buffer = Buffer.alloc(0);
    const { a } = talk(dialer(), acceptor(), (frame) => {
      if (frame.type === 3) proof = frame.payload;
      return frame.type === 4 ? { type: 4, payload: proof } : frame;
    });
    expect(a).toMatchObject({ kind: "close", failure: "badProof" });
  });

  it("does not take its own nonce back", () => {
    const nonce = freshNonce();
    const { a } = talk(dialer({ nonce }), acceptor({ nonce }));
    expect(a).toMatchObject({ kind: "close", failure: "badNonce" });
  });

  it("does not take a proof of an earlier handshake", () => {
    const nonce = freshNonce();
    const first = talk(dialer({ nonce }), acceptor());
    const replayed = acceptor();
    replayed.receive(1, first.said[0]?.payload as Buffer);
    const steps = replayed.receive(3, first.said[2]?.payload as Buffer);
    expect(endOf(steps)).toMatchObject({ kind: "close", failure: "badProof" });
  });

  it("notices any changed byte of what both sides said", () => {
    const sizes = [92, 54];
    for (const [at, type] of [1, 2].entries()) {
      for (let offset = 0; offset < (sizes[at] as number); offset++) {
        const { a, b } = talk(dialer(), acceptor(), (frame) => {
          if (frame.type !== type) return frame;
          expect(frame.payload.length).toBe(sizes[at]);
          const payload = Buffer.from(frame.payload);
          payload[offset] = (payload[offset] as number) ^ 1;
          return { type, payload };
        });
        expect([a?.kind, b?.kind]).not.toContain("open");
      }
    }
  });

  it("takes nothing out of order and nothing malformed, and stays closed", () => {
    const side = acceptor();
    expect(endOf(side.receive(3, Buffer.alloc(32)))).toMatchObject({ failure: "malformed" });
    expect(side.receive(1, sentOf(dialer().start())[0]?.payload as Buffer)).toEqual([]);
    const cut = Buffer.concat(sentOf(dialer().start()).map(({ payload }) => payload)).subarray(0, 40);
    expect(endOf(acceptor().receive(1, cut))).toMatchObject({ failure: "malformed" });
    expect(endOf(acceptor().receive(1, Buffer.alloc(92)))).toMatchObject({ failure: "malformed" });
    const other = dialer();
    other.start();
    expect(endOf(other.receive(16, Buffer.alloc(0)))).toMatchObject({ failure: "malformed" });
  });
});
