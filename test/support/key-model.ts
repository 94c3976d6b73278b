/**
 * A keyspace of strings with expiry, as plainly as it can be written: what the string and key families are compared
 * with. Each method is a command with well-formed arguments and gives the decoded reply.
 */

import type { Decoded } from "./reply-decoder.ts";

interface Entry {
  value: string;
  /** 0 for never. */
  expireAtMs: number;
}

const OK = "OK";
const NOT_INTEGER = { error: "ERR value is not an integer or out of range" };
const OVERFLOW = { error: "ERR increment or decrement would overflow" };

export class KeyModel {
  nowMs = 0;
  readonly #entries = new Map<string, Entry>();

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expireAtMs === 0 || entry.expireAtMs > this.nowMs) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  /** The keys that are live, in no order. */
  liveKeys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#find(key) !== undefined);
  }

  get(key: string): Decoded {
    return this.#find(key)?.value ?? null;
  }

  set(key: string, value: string, ttlMs = 0): Decoded {
    this.#entries.set(key, { value, expireAtMs: ttlMs === 0 ? 0 : this.nowMs + ttlMs });
    return OK;
  }

  setKeepingTtl(key: string, value: string): Decoded {
    this.#entries.set(key, { value, expireAtMs: this.#find(key)?.expireAtMs ?? 0 });
    return OK;
  }

  setnx(key: string, value: string): Decoded {
    if (this.#find(key)) return 0;
    this.set(key, value);
    return 1;
  }

  getset(key: string, value: string): Decoded {
    const before = this.get(key);
    this.set(key, value);
    return before;
  }

  getdel(key: string): Decoded {
    const before = this.get(key);
    this.#entries.delete(key);
    return before;
  }

  mget(keys: readonly string[]): Decoded {
    return keys.map((key) => this.get(key));
  }

  append(key: string, added: string): Decoded {
    const value = (this.#find(key)?.value ?? "") + added;
    this.setKeepingTtl(key, value);
    return value.length;
  }

  strlen(key: string): Decoded {
    return this.#find(key)?.value.length ?? 0;
  }

  setrange(key: string, offset: number, added: string): Decoded {
    const before = this.#find(key)?.value ?? "";
    if (added === "") return before.length;
    const padded = before.padEnd(offset, "\0");
    const value = padded.slice(0, offset) + added + padded.slice(offset + added.length);
    this.setKeepingTtl(key, value);
    return value.length;
  }

  getrange(key: string, first: number, last: number): Decoded {
    const value = this.#find(key)?.value ?? "";
    const start = first < 0 ? Math.max(0, value.length + first) : first;
    const end = last < 0 ? Math.max(0, value.length + last) : last;
    return first < 0 && last < 0 && first > last ? "" : value.slice(start, end + 1);
  }

  incrby(key: string, amount: bigint): Decoded {
    const text = this.#find(key)?.value ?? "0";
    if (!/^(0|-?[1-9]\d*)$/.test(text) || BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) return NOT_INTEGER;
    const sum = BigInt(text) + amount;
    if (BigInt.asIntN(64, sum) !== sum) return OVERFLOW;
    this.setKeepingTtl(key, String(sum));
    return Number.isSafeInteger(Number(sum)) ? Number(sum) : sum;
  }

  del(keys: readonly string[]): Decoded {
    return keys.filter((key) => this.#find(key) !== undefined && this.#entries.delete(key)).length;
  }

  exists(keys: readonly string[]): Decoded {
    return keys.filter((key) => this.#find(key) !== undefined).length;
  }

  pexpire(key: string, ttlMs: number): Decoded {
    const entry = this.#find(key);
    if (entry === undefined) return 0;
    if (ttlMs <= 0) this.#entries.delete(key);
    else entry.expireAtMs = this.nowMs + ttlMs;
    return 1;
  }

  pttl(key: string): Decoded {
    const entry = this.#find(key);
    if (entry === undefined) return -2;
    return entry.expireAtMs === 0 ? -1 : entry.expireAtMs - this.nowMs;
  }

  persist(key: string): Decoded {
    const entry = this.#find(key);
    if (entry === undefined || entry.expireAtMs === 0) return 0;
    entry.expireAtMs = 0;
    return 1;
  }

  rename(from: string, to: string): Decoded {
    const entry = this.#find(from);
    if (entry === undefined) return { error: "ERR no such key" };
    this.#entries.delete(from);
    this.#entries.set(to, entry);
    return OK;
  }

  copy(from: string, to: string, isReplacing: boolean): Decoded {
    if (from === to) return { error: "ERR source and destination objects are the same" };
    const entry = this.#find(from);
    if (entry === undefined || (this.#find(to) && !isReplacing)) return 0;
    this.#entries.set(to, { ...entry });
    return 1;
  }

  flush(): Decoded {
    this.#entries.clear();
    return OK;
  }
}
