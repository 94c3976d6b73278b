/** Random steps of the string and key families: what is called, and what KeyModel answers to it. */

import fc from "fast-check";
import type { KeyModel } from "./key-model.ts";
import type { Decoded } from "./reply-decoder.ts";

export interface Step {
  readonly call: readonly (string | number)[];
  readonly expected: (model: KeyModel) => Decoded;
}

const key = fc.constantFrom("a", "b", "c", "\xff");
const value = fc.oneof(
  fc.constantFrom("", "1", "-7", "9223372036854775807", "x", "y\0\r\n"),
  fc.integer({ min: 0, max: 40_000 }).map((size) => "v".repeat(size)),
);
const ttl = fc.integer({ min: 1, max: 2000 });
const offset = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 60_000 }));
const index = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -60_000, max: 60_000 }));
const keys = fc.array(key, { minLength: 1, maxLength: 4 });

function step<T extends readonly unknown[]>(
  inputs: { [I in keyof T]: fc.Arbitrary<T[I]> },
  make: (...args: T) => Step,
): fc.Arbitrary<Step> {
  return fc.tuple(...(inputs as unknown as fc.Arbitrary<unknown>[])).map((args) => make(...(args as unknown as T)));
}

/** A command with good arguments over a few keys. */
export const keyStep: fc.Arbitrary<Step> = fc.oneof(
  step<[string]>([key], (k) => ({ call: ["GET", k], expected: (m) => m.get(k) })),
  step<[string, string]>([key, value], (k, v) => ({ call: ["SET", k, v], expected: (m) => m.set(k, v) })),
  step<[string, string, number]>([key, value, ttl], (k, v, t) => ({
    call: ["SET", k, v, "PX", t],
    expected: (m) => m.set(k, v, t),
  })),
  step<[string, string]>([key, value], (k, v) => ({
    call: ["SET", k, v, "KEEPTTL"],
    expected: (m) => m.setKeepingTtl(k, v),
  })),
  step<[string, string]>([key, value], (k, v) => ({ call: ["SETNX", k, v], expected: (m) => m.setnx(k, v) })),
  step<[string, string]>([key, value], (k, v) => ({ call: ["GETSET", k, v], expected: (m) => m.getset(k, v) })),
  step<[string]>([key], (k) => ({ call: ["GETDEL", k], expected: (m) => m.getdel(k) })),
  step<[string[]]>([keys], (all) => ({ call: ["MGET", ...all], expected: (m) => m.mget(all) })),
  step<[string, string]>([key, value], (k, v) => ({ call: ["APPEND", k, v], expected: (m) => m.append(k, v) })),
  step<[string]>([key], (k) => ({ call: ["STRLEN", k], expected: (m) => m.strlen(k) })),
  step<[string, number, string]>([key, offset, value], (k, at, v) => ({
    call: ["SETRANGE", k, at, v],
    expected: (m) => m.setrange(k, at, v),
  })),
  step<[string, number, number]>([key, index, index], (k, from, to) => ({
    call: ["GETRANGE", k, from, to],
    expected: (m) => m.getrange(k, from, to),
  })),
  step<[string]>([key], (k) => ({ call: ["INCR", k], expected: (m) => m.incrby(k, 1n) })),
  step<[string, bigint]>([key, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })], (k, by) => ({
    call: ["INCRBY", k, String(by)],
    expected: (m) => m.incrby(k, by),
  })),
  step<[string[]]>([keys], (all) => ({ call: ["DEL", ...all], expected: (m) => m.del(all) })),
  step<[string[]]>([keys], (all) => ({ call: ["EXISTS", ...all], expected: (m) => m.exists(all) })),
  step<[string, number]>([key, fc.integer({ min: -5, max: 2000 })], (k, t) => ({
    call: ["PEXPIRE", k, t],
    expected: (m) => m.pexpire(k, t),
  })),
  step<[string]>([key], (k) => ({ call: ["PTTL", k], expected: (m) => m.pttl(k) })),
  step<[string]>([key], (k) => ({ call: ["PERSIST", k], expected: (m) => m.persist(k) })),
  step<[string, string]>([key, key], (from, to) => ({
    call: ["RENAME", from, to],
    expected: (m) => m.rename(from, to),
  })),
  step<[string, string, boolean]>([key, key, fc.boolean()], (from, to, isReplacing) => ({
    call: ["COPY", from, to, ...(isReplacing ? ["REPLACE"] : [])],
    expected: (m) => m.copy(from, to, isReplacing),
  })),
  fc.constant({ call: ["FLUSHDB"], expected: (m: KeyModel) => m.flush() }),
);
