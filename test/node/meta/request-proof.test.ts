import { describe, expect, test } from "vitest";
import { hmacSha256, isSameSecret, sha256 } from "../../../node/base/mac.ts";
import {
  CallerProof,
  ChallengeBook,
  checkRequest,
  type ProvenRequest,
  proveReply,
} from "../../../node/meta/request-proof.ts";

const functions = { mac: hmacSha256, isSame: isSameSecret };
const content = { method: "GET", path: "/v1/status?x=1", bodyHash: sha256("") };
const URL = "http://m:9230";

function setUp(secrets: readonly string[] = ["s3cret"]) {
  let nowMs = 0;
  let count = 0;
  const fresh = () => (count++).toString(16).padStart(32, "0");
  const book = new ChallengeBook({ makeChallenge: fresh, nowMs: () => nowMs });
  const caller = (secret = "s3cret") => new CallerProof({ secret, caller: "cli" }, { functions, makeNonce: fresh });
  const receive = (headers: Record<string, string>, over = {}) =>
    checkRequest(secrets, functions, { headers, content: { ...content, ...over }, book });
  const replyTo = (asked: ProvenRequest, checked: ReturnType<typeof receive>, status: number) => {
    const nonce = checked.ok ? checked.identity.nonce : checked.nonce;
    const reply = { nonce, status, challenge: book.current, bodyHash: sha256("body") };
    const headers = checked.secret === undefined ? {} : proveReply(checked.secret, functions, reply);
    return { asked, status, bodyHash: reply.bodyHash, headers };
  };
  /** A caller that has the current challenge. */
  const introduced = (secret = "s3cret") => {
    const proof = caller(secret);
    const asked = proof.prove(URL, undefined, content);
    const refused = receive(asked.headers);
    expect(refused).toMatchObject({ ok: false, fault: "ChallengeStale" });
    expect(proof.check(URL, replyTo(asked, refused, 401))).toBe("stale");
    return proof;
  };
  return { book, caller, receive, replyTo, introduced, pass: (ms: number) => (nowMs += ms) };
}

describe("the proof of the secret", () => {
  test("a caller without a challenge is given one, and is accepted with it", () => {
    const { introduced, receive, replyTo } = setUp();
    const proof = introduced();
    const asked = proof.prove(URL, "c".repeat(32), content);
    const checked = receive(asked.headers);
    const identity = { caller: "cli", cluster: "c".repeat(32), nonce: asked.nonce };
    expect(checked).toMatchObject({ ok: true, identity });
    expect(proof.check(URL, replyTo(asked, checked, 200))).toBe("proven");
  });

  test("a request cannot be played again, nor changed", () => {
    const { introduced, receive } = setUp();
    const proof = introduced();
    const { headers } = proof.prove(URL, undefined, content);
    for (const change of [{ method: "PUT" }, { path: "/v1/nodes" }, { bodyHash: sha256("x") }]) {
      expect(receive(headers, change)).toMatchObject({ ok: false, fault: "ProofWrong" });
    }
    expect(receive({ ...headers, "pika-cluster": "d".repeat(32) })).toMatchObject({ ok: false, fault: "ProofWrong" });
    expect(receive(headers).ok).toBe(true);
    expect(receive(headers)).toMatchObject({ ok: false, fault: "ChallengeStale" });
  });

  test("a wrong secret, a missing header and another protocol are refused, and the reply is not proven", () => {
    const { caller, introduced, receive, replyTo } = setUp();
    const wrong = caller("other");
    const asked = wrong.prove(URL, undefined, content);
    const refused = receive(asked.headers);
    expect(refused).toMatchObject({ ok: false, fault: "ProofWrong", secret: undefined });
    expect(wrong.check(URL, replyTo(asked, refused, 401))).toBe("unproven");
    const { headers } = introduced().prove(URL, undefined, content);
    expect(receive({})).toMatchObject({ fault: "ProofMissing" });
    expect(receive({ ...headers, "pika-nonce": "short" })).toMatchObject({ fault: "ProofMissing" });
    expect(receive({ ...headers, "pika-caller": "a b" })).toMatchObject({ fault: "ProofMissing" });
    expect(receive({ ...headers, "pika-protocol": "2" })).toMatchObject({ fault: "ProtocolVersion" });
  });

  test("during a rotation both secrets are accepted, and each caller gets replies of its own", () => {
    const { introduced, receive, replyTo } = setUp(["s3cret", "next"]);
    for (const secret of ["s3cret", "next"]) {
      const proof = introduced(secret);
      const asked = proof.prove(URL, undefined, content);
      const checked = receive(asked.headers);
      expect(checked).toMatchObject({ ok: true, secret });
      expect(proof.check(URL, replyTo(asked, checked, 200))).toBe("proven");
    }
  });

  test("a reply of another request, status or body is not proven", () => {
    const { introduced, receive, replyTo } = setUp();
    const proof = introduced();
    const asked = proof.prove(URL, undefined, content);
    const reply = replyTo(asked, receive(asked.headers), 200);
    expect(proof.check(URL, { ...reply, asked: { ...asked, nonce: "f".repeat(32) } })).toBe("unproven");
    expect(proof.check(URL, { ...reply, status: 500 })).toBe("unproven");
    expect(proof.check(URL, { ...reply, bodyHash: sha256("changed") })).toBe("unproven");
    expect(proof.check(URL, reply)).toBe("proven");
  });

  test("of several first requests at once each is told to try again, and then accepted", () => {
    const { caller, receive, replyTo } = setUp();
    const proof = caller();
    const asked = [1, 2, 3].map(() => proof.prove(URL, undefined, content));
    const replies = asked.map((one) => replyTo(one, receive(one.headers), 401));
    expect(replies.map((reply) => proof.check(URL, reply))).toEqual(["stale", "stale", "stale"]);
    for (const _ of asked) expect(receive(proof.prove(URL, undefined, content).headers).ok).toBe(true);
  });

  test("a challenge lives for a minute and then one more, and is renewed after 50,000 nonces", () => {
    const { book, pass } = setUp();
    const first = book.current;
    pass(60_000);
    expect(book.current).not.toBe(first);
    expect(book.use(first, "n1")).toBe(true);
    expect(book.use(first, "n1")).toBe(false);
    pass(60_000);
    expect(book.current).not.toBe(first);
    expect(book.use(first, "n2")).toBe(false);
    const busy = book.current;
    for (let i = 0; i < 50_000; i++) book.use(busy, String(i));
    expect(book.current).not.toBe(busy);
    pass(600_000);
    expect(book.use(busy, "late")).toBe(false);
  });
});
