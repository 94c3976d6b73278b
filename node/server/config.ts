/**
 * CONFIG GET and SET. Three kinds of parameters, all in one table:
 * live ones that change this node (`apply`), fixed ones that say what is, and those that tune Redis's own encodings
 * and memory policies: they are taken and given back, as clients and test suites set them, and change nothing here.
 * What is set lasts until the process ends; the cluster's manifest is where settings are kept.
 */

import type { ConfigParameters } from "../commands/session.ts";
import { type ByteRange, matchesGlob } from "../datatypes/glob.ts";

export interface Parameter {
  readonly name: string;
  readonly value: string;
  /** Where the value is known only later. */
  readonly read?: () => string;
  readonly kind: "number" | "memory" | "memoryOrPercent" | "yesno" | "text";
  /** Checks a new value: an error's explanation, or undefined. */
  readonly check?: (value: string) => string | undefined;
  /** Makes it so. */
  readonly apply?: (value: string) => void;
  /** Cannot be set. */
  readonly isFixed?: boolean;
  /** Told only to who asks for its full name. */
  readonly isHidden?: boolean;
  /** Another name of the same parameter. */
  readonly alias?: string;
}

/** Redis's tuning parameters with its defaults: accepted, returned, without effect. */
const REDIS_TUNING: readonly Parameter[] = [
  { name: "hash-max-listpack-entries", value: "512", kind: "number", alias: "hash-max-ziplist-entries" },
  { name: "hash-max-listpack-value", value: "64", kind: "memory", alias: "hash-max-ziplist-value" },
  { name: "list-max-listpack-size", value: "-2", kind: "number", alias: "list-max-ziplist-size" },
  { name: "list-compress-depth", value: "0", kind: "number" },
  { name: "set-max-intset-entries", value: "512", kind: "number" },
  { name: "set-max-listpack-entries", value: "128", kind: "number" },
  { name: "set-max-listpack-value", value: "64", kind: "memory" },
  { name: "zset-max-listpack-entries", value: "128", kind: "number", alias: "zset-max-ziplist-entries" },
  { name: "zset-max-listpack-value", value: "64", kind: "memory", alias: "zset-max-ziplist-value" },
  { name: "hll-sparse-max-bytes", value: "3000", kind: "memory" },
  { name: "stream-node-max-bytes", value: "4096", kind: "memory" },
  { name: "stream-node-max-entries", value: "100", kind: "number" },
  { name: "active-expire-effort", value: "1", kind: "number" },
  { name: "activerehashing", value: "yes", kind: "yesno" },
  { name: "activedefrag", value: "no", kind: "yesno" },
  { name: "lazyfree-lazy-eviction", value: "no", kind: "yesno" },
  { name: "lazyfree-lazy-expire", value: "no", kind: "yesno" },
  { name: "lazyfree-lazy-server-del", value: "no", kind: "yesno" },
  { name: "lazyfree-lazy-user-del", value: "no", kind: "yesno" },
  { name: "lazyfree-lazy-user-flush", value: "no", kind: "yesno" },
  { name: "hz", value: "10", kind: "number" },
  { name: "dynamic-hz", value: "yes", kind: "yesno" },
  { name: "maxmemory", value: "0", kind: "memory" },
  { name: "maxmemory-policy", value: "noeviction", kind: "text" },
  { name: "maxmemory-samples", value: "5", kind: "number" },
  { name: "maxmemory-clients", value: "0", kind: "memoryOrPercent" },
  { name: "lfu-log-factor", value: "10", kind: "number" },
  { name: "lfu-decay-time", value: "1", kind: "number" },
  { name: "lua-time-limit", value: "5000", kind: "number", alias: "busy-reply-threshold" },
  { name: "notify-keyspace-events", value: "", kind: "text" },
  { name: "latency-monitor-threshold", value: "0", kind: "number" },
  { name: "latency-tracking", value: "yes", kind: "yesno" },
  { name: "close-on-replica-write", value: "yes", kind: "yesno" },
  { name: "min-replicas-to-write", value: "0", kind: "number", alias: "min-slaves-to-write" },
  { name: "min-replicas-max-lag", value: "10", kind: "number", alias: "min-slaves-max-lag" },
  { name: "repl-ping-replica-period", value: "10", kind: "number", alias: "repl-ping-slave-period" },
  { name: "repl-diskless-sync", value: "yes", kind: "yesno" },
  { name: "repl-diskless-sync-delay", value: "5", kind: "number" },
  { name: "repl-backlog-size", value: "1048576", kind: "memory" },
  { name: "auto-aof-rewrite-percentage", value: "100", kind: "number" },
  { name: "auto-aof-rewrite-min-size", value: "67108864", kind: "memory" },
  { name: "aof-use-rdb-preamble", value: "yes", kind: "yesno" },
  { name: "no-appendfsync-on-rewrite", value: "no", kind: "yesno" },
  { name: "stop-writes-on-bgsave-error", value: "yes", kind: "yesno" },
  { name: "rdbcompression", value: "yes", kind: "yesno" },
  { name: "rdb-key-save-delay", value: "0", kind: "number", isHidden: true },
  { name: "key-load-delay", value: "0", kind: "number", isHidden: true },
  { name: "daemonize", value: "no", kind: "yesno", isFixed: true },
  { name: "replicaof", value: "", kind: "text", isFixed: true, alias: "slaveof" },
  { name: "sanitize-dump-payload", value: "no", kind: "text" },
  { name: "save", value: "", kind: "text" },
  { name: "loglevel", value: "notice", kind: "text" },
  { name: "proto-max-bulk-len", value: "536870912", kind: "memory" },
  { name: "client-query-buffer-limit", value: "1073741824", kind: "memory" },
  { name: "replica-serve-stale-data", value: "yes", kind: "yesno", alias: "slave-serve-stale-data" },
  { name: "tracking-table-max-keys", value: "1000000", kind: "number" },
];

const MEMORY = /^(\d+)(k|kb|m|mb|g|gb|b)?$/i;
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};

/** Bytes of `100`, `1kb`, `64mb`, as in redis.conf; undefined where it is none. */
export function parseMemory(text: string): number | undefined {
  const match = MEMORY.exec(text);
  return match ? Number(match[1]) * (UNITS[(match[2] ?? "").toLowerCase()] ?? 1) : undefined;
}

export class Config implements ConfigParameters {
  readonly #parameters = new Map<string, Parameter>();
  readonly #values = new Map<string, string>();

  /** @param own the parameters of this node, live and fixed; one named as a tuning parameter replaces it. */
  constructor(own: readonly Parameter[]) {
    for (const parameter of [...REDIS_TUNING, ...own]) {
      this.#parameters.set(parameter.name, parameter);
      this.#values.set(parameter.name, parameter.value);
      if (parameter.alias !== undefined) this.#parameters.set(parameter.alias, parameter);
    }
  }

  get(patterns: readonly string[]): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const wanted of patterns.map((text) => text.toLowerCase())) {
      const pattern = rangeOf(wanted);
      for (const [name, parameter] of this.#parameters) {
        if (parameter.isHidden === true ? name === wanted : matchesGlob(pattern, rangeOf(name)))
          found.set(name, parameter.read?.() ?? this.#values.get(parameter.name) ?? "");
      }
    }
    return found;
  }

  set(changes: readonly (readonly [name: string, value: string])[]): string | undefined {
    const accepted: [Parameter, string][] = [];
    const seen = new Set<Parameter>();
    for (const [name, given] of changes) {
      const parameter = this.#parameters.get(name.toLowerCase());
      if (parameter === undefined) {
        return `ERR Unknown option or number of arguments for CONFIG SET - '${name.slice(0, 128)}'`;
      }
      const failed = (why: string) => `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;
      if (seen.has(parameter)) return failed("duplicate parameter");
      if (parameter.isFixed) return failed("can't set immutable config");
      const value = normalize(parameter, given);
      if (typeof value !== "string") return failed(value.error);
      const error = parameter.check?.(value);
      if (error !== undefined) return failed(error);
      seen.add(parameter);
      accepted.push([parameter, value]);
    }
    for (const [parameter, value] of accepted) {
      this.#values.set(parameter.name, value);
      parameter.apply?.(value);
    }
    return undefined;
  }
}

function rangeOf(text: string): ByteRange {
  const buf = Buffer.from(text);
  return { buf, start: 0, end: buf.length };
}

/** The value as it is given back, or what is wrong with it. */
function normalize(parameter: Parameter, given: string): string | { readonly error: string } {
  switch (parameter.kind) {
    case "text":
      return given;
    case "yesno": {
      const value = given.toLowerCase();
      return value === "yes" || value === "no" ? value : { error: "argument must be 'yes' or 'no'" };
    }
    case "number":
      return /^-?\d{1,15}$/.test(given)
        ? String(Number(given))
        : { error: "argument couldn't be parsed into an integer" };
    case "memoryOrPercent":
      if (!/^\d{1,9}%$/.test(given)) return normalizeMemory(given);
      return Number.parseInt(given, 10) <= 100 ? given : { error: "percentage argument must be less or equal to 100" };
    case "memory":
      return normalizeMemory(given);
  }
}

function normalizeMemory(given: string): string | { readonly error: string } {
  const bytes = parseMemory(given);
  return bytes === undefined ? { error: "argument must be a memory value" } : String(bytes);
}
