/**
 * When a request is sent again. A refusal (429, or 5xx with Retry-After) was not carried out and may be sent again
 * whatever it was; a request without an answer only if doing it twice does no harm. Each try again takes from a budget
 * shared by all requests, so that a server that is down is not asked many times more often than one that is up.
 * Pure: time and the random number are arguments.
 */

import { backoffMs } from "../../../node/base/backoff.ts";

export type RequestOutcome =
  /** An answer; the token was refused (401) counts once. */
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterMs: number | undefined }
  /** No answer. Not sent: no connection was made, or the kept one was closed before anything was read from it. */
  | { readonly kind: "unanswered"; readonly wasSent: boolean };

/** Tries of one request, the first included. The callers' own loops (queue, reflector) go on from there. */
export const MAX_TRIES = 4;
const BACKOFF = { initialMs: 100, maxMs: 5_000 };
/** A server that asks for a longer pause is left alone: the caller's queue waits, not the caller. */
export const MAX_PAUSE_MS = 5_000;
/** A burst of failures is tried again at once; then one of ten requests is. */
export const BUDGET_BURST = 20;
const BUDGET_PER_REQUEST = 0.1;

export class RetryBudget {
  #tokens = BUDGET_BURST;

  /** Each request pays in. */
  deposit(): void {
    this.#tokens = Math.min(BUDGET_BURST, this.#tokens + BUDGET_PER_REQUEST);
  }

  /** Takes one try; false where there is none left. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/**
 * How long to wait before the same request is sent again, ms; undefined: not at all.
 * @param options.tries how often it was sent, at least 1.
 * @param options.isRepeatable carrying it out twice is the same as once.
 * @param options.random in [0, 1).
 */
export function retryDelayMs(
  outcome: RequestOutcome,
  options: { readonly tries: number; readonly isRepeatable: boolean; readonly random: number },
): number | undefined {
  if (options.tries >= MAX_TRIES) return undefined;
  if (outcome.kind === "answered" && (outcome.retryAfterMs ?? 0) > MAX_PAUSE_MS) return undefined;
  const waitMs = backoffMs(BACKOFF, options.tries - 1, options.random);
  if (outcome.kind === "unanswered") return options.isRepeatable || !outcome.wasSent ? waitMs : undefined;
  if (outcome.status === 401) return options.tries === 1 ? 0 : undefined;
  if (outcome.status === 429) return Math.max(waitMs, outcome.retryAfterMs ?? 1000);
  if (outcome.status < 500) return undefined;
  if (outcome.retryAfterMs !== undefined) return Math.max(waitMs, outcome.retryAfterMs);
  return options.isRepeatable ? waitMs : undefined;
}
