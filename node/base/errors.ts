/**
 * Operating errors: what can go wrong outside the program (disk, network, configuration, peers).
 * Each has a stable code for machines and a message for people: what is wrong, where, and what to do.
 * A client's mistake is a reply value and a programmer's mistake an assertion; neither is an OperatingError.
 */

export type ErrorData = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface OperatingErrorOptions {
  readonly data?: ErrorData;
  readonly cause?: unknown;
}

/** An error of the surroundings. `code` is CamelCase and part of the interface. */
export class OperatingError extends Error {
  override readonly name: string = "OperatingError";
  readonly code: string;
  readonly data: ErrorData;

  constructor(code: string, message: string, options: OperatingErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.data = options.data ?? {};
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The system error code (`ENOSPC`, `EADDRINUSE`) of anything that was thrown, if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
