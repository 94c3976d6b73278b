/**
 * What the API server answers when it does not do what was asked: a Status object, or a status code alone.
 * A request without any answer is an OperatingError `ApiUnreachable`, whose outcome is unknown if it was a write.
 */

import { OperatingError } from "../../node/base/errors.ts";

export interface ApiErrorFields {
  /** The HTTP status, or the code of a Status in a watch's stream. */
  readonly status: number;
  /** CamelCase, from the Status: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`, …; empty where there is none. */
  readonly reason: string;
  readonly retryAfterMs?: number;
  /** Paths of the fields that were refused: `metadata.uid`. */
  readonly fields?: readonly string[];
}

/** An answer other than 2xx. `code` is `ApiRefused`. */
export class ApiError extends OperatingError {
  override readonly name = "ApiError";
  readonly status: number;
  readonly reason: string;
  /** As the server asked for; undefined where it did not. */
  readonly retryAfterMs: number | undefined;
  readonly fields: readonly string[];

  constructor(message: string, fields: ApiErrorFields) {
    super("ApiRefused", message, { data: { status: fields.status, reason: fields.reason } });
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
    this.fields = fields.fields ?? [];
  }
}

/** The status of an answer that was an error; undefined for everything else that was thrown. */
export function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof ApiError ? thrown.status : undefined;
}

/** A write named a UID that the object of that name does not have: it is gone (409), or there is another one (422). */
export function isOtherUid(thrown: unknown): boolean {
  if (!(thrown instanceof ApiError)) return false;
  return thrown.status === 409 || (thrown.status === 422 && thrown.fields.includes("metadata.uid"));
}

interface StatusBody {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly field?: string }[];
  };
}

/** Longest text of an answer that is shown where it is not a Status (a proxy's page). */
const MAX_SHOWN_CHARS = 200;
/** A server that asks for more is asked again after this. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Reads an answer that is not 2xx, or the object of an ERROR event (status 0: the code is in the body).
 * @param options.what the request, for the message: `apply statefulsets default/a-nodes`.
 */
export function readApiError(options: {
  readonly what: string;
  readonly status: number;
  readonly body: string;
  readonly retryAfter?: string | undefined;
}): ApiError {
  const body = parseStatus(options.body);
  const status = options.status === 0 ? (body?.code ?? 500) : options.status;
  const seconds = Number(options.retryAfter ?? body?.details?.retryAfterSeconds ?? Number.NaN);
  const text = body?.message ?? options.body.slice(0, MAX_SHOWN_CHARS);
  return new ApiError(`${options.what}: ${status} ${body?.reason ?? ""}: ${text}`, {
    status,
    reason: body?.reason ?? "",
    fields: (body?.details?.causes ?? []).flatMap(({ field }) => field ?? []),
    ...(seconds >= 0 ? { retryAfterMs: Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) } : {}),
  });
}

function parseStatus(text: string): StatusBody | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
