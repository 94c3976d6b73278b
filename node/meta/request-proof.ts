/**
 * The mutual proof of the cluster's secret on calls to the manager (docs/formats/metadata.md, "Proof of the secret").
 * Pure: the hash functions, the time and the randomness are arguments. A request is proven by headers over everything
 * that matters in it, a reply over the request's nonce, so neither can be forged, changed, or played again.
 * Refuses: a missing or malformed header, a wrong proof, a challenge that is too old, a nonce used before.
 */

import { assert } from "../base/assert.ts";
import { MANAGER_PROTOCOL_VERSION } from "./protocol-version.ts";

export const PROOF_HEADERS = {
  protocol: "pika-protocol",
  cluster: "pika-cluster",
  caller: "pika-caller",
  nonce: "pika-nonce",
  challenge: "pika-challenge",
  proof: "pika-proof",
} as const;

/** Stands for a cluster id or a challenge that the caller does not know yet. */
export const UNKNOWN = "-";

/** Hex HMAC-SHA-256 of a text, and a comparison that does not tell where texts differ. */
export interface ProofFunctions {
  readonly mac: (secret: string, text: string) => string;
  readonly isSame: (a: string, b: string) => boolean;
}

export interface CallIdentity {
  /** The cluster id, or UNKNOWN. */
  readonly cluster: string;
  readonly caller: string;
  readonly challenge: string;
  readonly nonce: string;
}

export interface CallContent {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** SHA-256 of the body (of no bytes where there is none), hex. */
  readonly bodyHash: string;
}

export interface ReplyContent {
  readonly nonce: string;
  readonly status: number;
  readonly challenge: string;
  readonly bodyHash: string;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

function requestText(identity: CallIdentity, content: CallContent): string {
  return [
    "pika-request",
    MANAGER_PROTOCOL_VERSION,
    identity.cluster,
    identity.caller,
    identity.challenge,
    identity.nonce,
    content.method,
    content.path,
    content.bodyHash,
  ].join("\n");
}

/** The headers of a proven request. */
function proveRequest(
  secret: string,
  functions: ProofFunctions,
  call: { readonly identity: CallIdentity; readonly content: CallContent },
): Record<string, string> {
  return {
    [PROOF_HEADERS.protocol]: String(MANAGER_PROTOCOL_VERSION),
    [PROOF_HEADERS.cluster]: call.identity.cluster,
    [PROOF_HEADERS.caller]: call.identity.caller,
    [PROOF_HEADERS.nonce]: call.identity.nonce,
    [PROOF_HEADERS.challenge]: call.identity.challenge,
    [PROOF_HEADERS.proof]: functions.mac(secret, requestText(call.identity, call.content)),
  };
}

export type RequestFault = "ProofMissing" | "ProtocolVersion" | "ProofWrong" | "ChallengeStale";

export type CheckedRequest =
  /** `secret` is the one of several that the caller used: the reply is proven with it. */
  | { readonly ok: true; readonly identity: CallIdentity; readonly secret: string }
  /** `secret` is there when the proof was right but the challenge is not. */
  | { readonly ok: false; readonly fault: RequestFault; readonly nonce: string; readonly secret: string | undefined };

const NONCE = /^[0-9a-f]{32}$/;
const CALLER = /^[0-9A-Za-z._-]{1,64}$/;
const CLUSTER = /^([0-9a-f]{32}|-)$/;

/** Checks a request's headers against the secrets that are accepted, then its challenge and nonce. */
export function checkRequest(
  secrets: readonly string[],
  functions: ProofFunctions,
  request: { readonly headers: Headers; readonly content: CallContent; readonly book: ChallengeBook },
): CheckedRequest {
  const read = (name: string): string => {
    const value = request.headers[name];
    return typeof value === "string" ? value : "";
  };
  const identity: CallIdentity = {
    cluster: read(PROOF_HEADERS.cluster),
    caller: read(PROOF_HEADERS.caller),
    challenge: read(PROOF_HEADERS.challenge),
    nonce: read(PROOF_HEADERS.nonce),
  };
  const refuse = (fault: RequestFault, secret?: string): CheckedRequest => ({
    ok: false,
    fault,
    nonce: identity.nonce,
    secret,
  });
  const proof = read(PROOF_HEADERS.proof);
  if (proof === "") return refuse("ProofMissing");
  if (read(PROOF_HEADERS.protocol) !== String(MANAGER_PROTOCOL_VERSION)) return refuse("ProtocolVersion");
  if (!NONCE.test(identity.nonce) || !CALLER.test(identity.caller) || !CLUSTER.test(identity.cluster)) {
    return refuse("ProofMissing");
  }
  const text = requestText(identity, request.content);
  const secret = secrets.find((candidate) => functions.isSame(functions.mac(candidate, text), proof));
  if (secret === undefined) return refuse("ProofWrong");
  if (!request.book.use(identity.challenge, identity.nonce)) return refuse("ChallengeStale", secret);
  return { ok: true, identity, secret };
}

function replyText(reply: ReplyContent): string {
  return ["pika-reply", MANAGER_PROTOCOL_VERSION, reply.nonce, reply.status, reply.challenge, reply.bodyHash].join(
    "\n",
  );
}

/** The headers of a proven reply. */
export function proveReply(secret: string, functions: ProofFunctions, reply: ReplyContent): Record<string, string> {
  return {
    [PROOF_HEADERS.challenge]: reply.challenge,
    [PROOF_HEADERS.proof]: functions.mac(secret, replyText(reply)),
  };
}

/** Whether a reply's proof is of this secret and of the request with this nonce. */
function isReplyProven(
  secret: string,
  functions: ProofFunctions,
  reply: ReplyContent & { readonly proof: string },
): boolean {
  return functions.isSame(functions.mac(secret, replyText(reply)), reply.proof);
}

/** A challenge is replaced after so long … */
const CHALLENGE_LIFETIME_MS = 60_000;
/** … or after so many requests: it bounds the memory of used nonces to some MiB for two challenges. */
const CHALLENGE_NONCES = 50_000;

/** The challenges of one manager process: the current one and the one before, each with the nonces used with it. */
export class ChallengeBook {
  readonly #makeChallenge: () => string;
  readonly #nowMs: () => number;
  #current: { text: string; madeMs: number; nonces: Set<string> };
  #previous: { text: string; nonces: Set<string> } | undefined;

  /** @param sources a maker of fresh random texts, and a clock that never goes back, ms. */
  constructor(sources: { readonly makeChallenge: () => string; readonly nowMs: () => number }) {
    this.#makeChallenge = sources.makeChallenge;
    this.#nowMs = sources.nowMs;
    this.#current = { text: sources.makeChallenge(), madeMs: sources.nowMs(), nonces: new Set() };
  }

  /** The challenge to give to callers now. */
  get current(): string {
    const age = this.#nowMs() - this.#current.madeMs;
    if (age >= CHALLENGE_LIFETIME_MS || this.#current.nonces.size >= CHALLENGE_NONCES) this.#renew();
    return this.#current.text;
  }

  /** Takes a nonce; false where the challenge is not (or no longer) one of ours, or the nonce was used with it. */
  use(challenge: string, nonce: string): boolean {
    assert(nonce !== "", "a nonce is not empty");
    const entry = challenge === this.current ? this.#current : this.#previous;
    if (entry === undefined || entry.text !== challenge) return false;
    if (entry.nonces.has(nonce) || entry.nonces.size >= 2 * CHALLENGE_NONCES) return false;
    entry.nonces.add(nonce);
    return true;
  }

  #renew(): void {
    const age = this.#nowMs() - this.#current.madeMs;
    // A challenge that nobody asked to renew for two lifetimes is too old to be the previous one.
    this.#previous = age < 2 * CHALLENGE_LIFETIME_MS ? this.#current : undefined;
    this.#current = { text: this.#makeChallenge(), madeMs: this.#nowMs(), nonces: new Set() };
  }
}

/** A request's proof: its headers, and what its reply must be about. */
export interface ProvenRequest {
  readonly headers: Record<string, string>;
  readonly nonce: string;
  readonly challenge: string;
}

/** What a caller knows of a reply before it trusts it. */
export interface ReceivedReply {
  /** Of the request, as `prove` gave it. */
  readonly asked: ProvenRequest;
  readonly status: number;
  readonly headers: Headers;
  readonly bodyHash: string;
}

/**
 * The caller's side: proves requests, checks replies, and keeps the challenge of each manager.
 * A reply is `proven`, or `stale` (proven too: send the same request again, once), or `unproven` (drop it).
 */
export class CallerProof {
  readonly #secret: string;
  readonly #caller: string;
  readonly #functions: ProofFunctions;
  readonly #makeNonce: () => string;
  readonly #challenges = new Map<string, string>();

  constructor(
    options: { readonly secret: string; readonly caller: string },
    sources: { readonly functions: ProofFunctions; readonly makeNonce: () => string },
  ) {
    this.#secret = options.secret;
    this.#caller = options.caller;
    this.#functions = sources.functions;
    this.#makeNonce = sources.makeNonce;
  }

  /** Proves a request to the manager at `baseUrl`. */
  prove(baseUrl: string, cluster: string | undefined, content: CallContent): ProvenRequest {
    const identity: CallIdentity = {
      cluster: cluster ?? UNKNOWN,
      caller: this.#caller,
      challenge: this.#challenges.get(baseUrl) ?? UNKNOWN,
      nonce: this.#makeNonce(),
    };
    const headers = proveRequest(this.#secret, this.#functions, { identity, content });
    return { headers, nonce: identity.nonce, challenge: identity.challenge };
  }

  /** Whether a reply comes from one who knows the secret; takes its challenge for the next request. */
  check(baseUrl: string, reply: ReceivedReply): "proven" | "stale" | "unproven" {
    const proof = reply.headers[PROOF_HEADERS.proof];
    const challenge = reply.headers[PROOF_HEADERS.challenge];
    if (typeof proof !== "string" || typeof challenge !== "string") return "unproven";
    const { status, bodyHash, asked } = reply;
    const content = { nonce: asked.nonce, status, challenge, bodyHash, proof };
    if (!isReplyProven(this.#secret, this.#functions, content)) return "unproven";
    this.#challenges.set(baseUrl, challenge);
    // Compared with what this request used: of several at once all are told the new challenge.
    return status === 401 && asked.challenge !== challenge ? "stale" : "proven";
  }
}
