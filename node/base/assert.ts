/**
 * Assertions: a broken invariant of our own code, never a client's or an operator's mistake.
 * They stay on in production; a failed one ends the command or the process, never guesses on.
 */

/** Thrown when an invariant of the program does not hold. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * Checks an invariant. `message` says what must hold, not what went wrong.
 * @throws AssertionError when `condition` is false.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Unwraps what the types cannot prove present (an array element in range). */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`${what} must be present`);
  return value;
}

/** The end of an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected value ${String(value)}`);
}
