/** What a call of the API answers: a status and a body, faults included. Faults are values, never thrown. */

import type { ErrorReply } from "../../../node/meta/manager-api.ts";

export interface ApiReply {
  readonly status: number;
  readonly body: object;
}

/** Every error code of the API and its HTTP status (docs/formats/metadata.md). */
const FAULT_STATUS = {
  BadRequest: 400,
  ProofMissing: 401,
  ProofWrong: 401,
  ChallengeStale: 401,
  NotFound: 404,
  MethodNotAllowed: 405,
  WrongCluster: 409,
  NameInUse: 409,
  EpochAhead: 409,
  GenerationTooOld: 409,
  OtherOwner: 409,
  Immutable: 409,
  BodyTooLarge: 413,
  NotSupported: 422,
  ProtocolVersion: 426,
  NotBuilt: 501,
  Busy: 503,
  NoLeader: 503,
  StoreUnavailable: 503,
  Internal: 500,
} as const;

export type FaultCode = keyof typeof FAULT_STATUS;

export function fault(code: FaultCode, message: string, path?: string): ApiReply {
  const body: ErrorReply = { error: { code, message, ...(path === undefined ? {} : { path }) } };
  return { status: FAULT_STATUS[code], body };
}

export function answer(body: object): ApiReply {
  return { status: 200, body };
}
