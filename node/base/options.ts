/**
 * Options of a process as one declarative table: name, kind, default, limits, help. From it come command-line
 * flags (`--cache-bytes`), environment names (`PIKA_CACHE_BYTES`), validation and the generated reference.
 * Precedence: flag, environment, configuration file, default. Only bin/ reads the environment and passes it in.
 */

import { OperatingError } from "./errors.ts";

interface OptionBase {
  readonly help: string;
  /** Can be changed while the process runs. */
  readonly isLive?: boolean;
}

export type OptionSpec = OptionBase &
  (
    | { readonly kind: "text"; readonly default: string; readonly pattern?: RegExp }
    | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
    | { readonly kind: "count"; readonly default: number; readonly min: number; readonly max: number }
    /** Bytes: a whole number, or with a suffix Ki Mi Gi Ti (binary) or k M G T (decimal). */
    | { readonly kind: "bytes"; readonly default: number; readonly min: number; readonly max: number }
    | { readonly kind: "flag"; readonly default: boolean }
    | { readonly kind: "list"; readonly default: readonly string[] }
  );

export type OptionTable = Readonly<Record<string, OptionSpec>>;

type OptionValue<S extends OptionSpec> = S extends { kind: "choice"; choices: readonly (infer C extends string)[] }
  ? C
  : S extends { kind: "count" | "bytes" }
    ? number
    : S extends { kind: "flag" }
      ? boolean
      : S extends { kind: "list" }
        ? readonly string[]
        : string;

export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: OptionValue<T[K]> };

/** `cacheBytes` → `cache-bytes`, the command-line form. */
export function flagName(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `cacheBytes` → `PIKA_CACHE_BYTES`. */
export function environmentName(option: string): string {
  return `PIKA_${flagName(option).replaceAll("-", "_").toUpperCase()}`;
}

const SUFFIXES: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Parses bytes (`256Mi`, `1000`); undefined where the text is not an amount. */
function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,15})(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text);
  if (!match) return undefined;
  const value = Number(match[1]) * (SUFFIXES[match[2] ?? ""] ?? 1);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** One layer of settings: option name → text, number or flag, and how to name its entries in an error. */
export interface OptionLayer {
  readonly describe: (option: string) => string;
  readonly values: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
}

/**
 * Reads options from layers, the first that has a value wins.
 * @throws OperatingError `InvalidOption` that names the option as its layer calls it, its value and what is allowed;
 *   an unknown option in any layer is one too.
 */
export function readOptions<T extends OptionTable>(table: T, layers: readonly OptionLayer[]): OptionValues<T> {
  for (const layer of layers) {
    for (const name of Object.keys(layer.values)) {
      if (!Object.hasOwn(table, name)) {
        throw invalid(layer.describe(name), `is not an option; known are ${Object.keys(table).join(", ")}`);
      }
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) {
    const layer = layers.find((candidate) => candidate.values[name] !== undefined);
    values[name] = layer ? readValue(spec, layer.values[name], layer.describe(name)) : spec.default;
  }
  return values as OptionValues<T>;
}

function readValue(spec: OptionSpec, value: unknown, where: string): unknown {
  switch (spec.kind) {
    case "text":
      if (typeof value === "string" && (spec.pattern?.test(value) ?? true)) return value;
      throw invalid(where, `is ${show(value)}; allowed is a text${spec.pattern ? ` like ${spec.pattern.source}` : ""}`);
    case "choice":
      if (typeof value === "string" && spec.choices.includes(value)) return value;
      throw invalid(where, `is ${show(value)}; allowed are ${spec.choices.join(", ")}`);
    case "count":
    case "bytes":
      return readNumber(spec, value, where);
    case "flag":
      if (value === true || value === "true") return true;
      if (value === false || value === "false") return false;
      throw invalid(where, `is ${show(value)}; allowed are true and false`);
    case "list":
      if (Array.isArray(value)) return value.map(String);
      return String(value)
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "");
  }
}

function readNumber(spec: OptionSpec & { kind: "count" | "bytes" }, value: unknown, where: string): number {
  const text = String(value);
  const parsed = spec.kind === "bytes" ? parseBytes(text) : /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (parsed !== undefined && parsed >= spec.min && parsed <= spec.max) return parsed;
  const what = spec.kind === "bytes" ? "an amount of bytes such as 64Mi" : "a whole number";
  throw invalid(where, `is ${show(value)}; allowed is ${what} from ${spec.min} to ${spec.max}`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function invalid(where: string, problem: string): OperatingError {
  return new OperatingError("InvalidOption", `${where} ${problem}`, { data: { where } });
}
