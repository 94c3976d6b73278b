/** Random commands of the generic family, over values of every type that there is. */

import { type CommandFamily, NUMBER_TEXTS, type RandomSource } from "./family.ts";

const KEYS = ["a", "b", "ab", "abc", "hello", "h[llo", "\xff\x00", ""];
const TIMES = ["100", "100000", "0", "-1", "-100", "1.5", "abc", "9223372036854775807", "-9223372036854775808"];
const BIG_TIMES = [
  "9223372036854775",
  "-9223372036854775",
  "4000000000",
  "4000000000000",
  "1700000000",
  "8000000000000",
];
const PATTERNS = [
  "*",
  "a*",
  "*b*",
  "h?llo",
  "h[ae]llo",
  "h[^e]llo",
  "h[a-e]llo",
  "h\\[llo",
  "[",
  "a",
  "",
  "**",
  "?",
  "a[",
  "\\",
];
const WORDS = ["nx", "xx", "gt", "lt", "db", "replace", "0", "1", "async", "sync", "match", "count", "type", "foo"];

function expireOptions(random: RandomSource): string[] {
  return random.picks(["nx", "xx", "gt", "lt", "foo"], 0, 2).map((word) => random.anyCase(word));
}

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  (random) => ["set", random.pick(KEYS), random.pick([...NUMBER_TEXTS, "v", "w".repeat(45)])],
  (random) => ["set", random.pick(KEYS), "v", "ex", "1000"],
  (random) => [
    "hset",
    random.pick(KEYS),
    ...random.pick([
      ["f", "v"],
      ["f", "w"],
      ["g", "x".repeat(65)],
    ]),
  ],
  (random) => ["rpush", random.pick(KEYS), ...random.picks(["1", "2", "x"], 1, 3)],
  (random) => ["sadd", random.pick(KEYS), ...random.picks(["1", "2", "x", "3"], 1, 3)],
  (random) => ["zadd", random.pick(KEYS), "1", random.pick(["m", "x".repeat(65)])],
  (random) => [random.pick(["del", "unlink", "exists", "touch"]), ...random.picks(KEYS, 0, 3)],
  (random) => [random.pick(["type", "ttl", "pttl", "expiretime", "pexpiretime", "persist"]), random.pick(KEYS)],
  (random) => [
    random.pick(["expire", "pexpire", "expireat", "pexpireat"]),
    random.pick(KEYS),
    random.pick([...TIMES, ...BIG_TIMES]),
    ...expireOptions(random),
  ],
  (random) => [random.pick(["rename", "renamenx"]), random.pick(KEYS), random.pick(KEYS)],
  (random) => ["copy", random.pick(KEYS), random.pick(KEYS), ...random.picks(["replace", "db", "0", "x"], 0, 2)],
  (random) => ["keys", random.pick(PATTERNS)],
  () => ["dbsize"],
  (random) => ["scan", random.pick(["0", "x", "-x", "1x"]), ...random.picks(WORDS, 0, 2), "count", "1000"],
  (random) => ["scan", "0", "match", random.pick(PATTERNS), "count", "1000"],
  (random) => [
    "scan",
    "0",
    "type",
    random.pick(["string", "hash", "LIST", "nope"]),
    "count",
    random.pick(["1000", "0", "-1"]),
  ],
  (random) => ["object", random.pick(["encoding", "ENCODING", "freq"]), random.pick(KEYS)],
  (random) => ["object", random.pick(["encoding", "nope", "refcount"]), ...random.picks(KEYS, 0, 2)],
  () => ["randomkey"],
  (random) => (random.chance(0.1) ? [random.pick(["flushdb", "flushall"]), ...random.picks(WORDS, 0, 2)] : ["dbsize"]),
  (random) => [
    "restore",
    random.pick(KEYS),
    random.pick(TIMES),
    "bad payload",
    ...random.picks(["replace", "absttl", "x"], 0, 2),
  ],
  (random) => [
    "restore",
    random.pick(KEYS),
    "0",
    "bad",
    random.pick(["freq", "idletime"]),
    random.pick(["1", "-1", "300", "x"]),
  ],
];

export const keyFamily: CommandFamily = {
  tolerance: {
    unordered: ["keys", "scan"],
    times: ["ttl", "expiretime", "pttl", "pexpiretime"],
    kindOnly: ["randomkey", "object|refcount"],
  },
  generate: (random) => random.pick(GENERATORS)(random),
};
