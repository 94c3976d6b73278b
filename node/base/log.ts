/**
 * Structured logs: one JSON object a line on standard error (pino), or nothing in tests.
 * A message is a short sentence without data in it; the data are fields, named as in the glossary.
 */

import pino from "pino";

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds fields to each line: `{ component: "flusher" }`. */
  child(fields: LogFields): Logger;
}

/** Makes the process's logger. Field `error` is written with message, code, stack and cause. */
export function createLogger(options: { readonly level: LogLevel; readonly fields?: LogFields }): Logger {
  const settings = {
    level: options.level,
    base: options.fields ?? {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
  };
  return wrapPino(pino(settings, pino.destination({ dest: 2, sync: true })));
}

function wrapPino(inner: pino.Logger): Logger {
  return {
    debug: (fields, message) => inner.debug(fields, message),
    info: (fields, message) => inner.info(fields, message),
    warn: (fields, message) => inner.warn(fields, message),
    error: (fields, message) => inner.error(fields, message),
    child: (fields) => wrapPino(inner.child(fields)),
  };
}

/** Writes nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
