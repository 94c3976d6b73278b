/** Random commands of the hash family: small hashes, and some beyond the inline limit. */

import { type CommandFamily, NUMBER_TEXTS, type RandomSource } from "./family.ts";

const KEYS = ["a", "b", "c", "str"];
const FIELDS = [
  "f",
  "g",
  "h",
  "",
  "\xff\x00",
  "long".repeat(40),
  ...Array.from({ length: 40 }, (_, i) => `field:${i}`),
];
const VALUES = [...NUMBER_TEXTS, "v", "", "x".repeat(300), "y".repeat(127), "z".repeat(128), "\r\n"];
const COUNTS = ["0", "1", "2", "100", "x", "-9223372036854775808", "9223372036854775807", "99999999999999999999"];
const WORDS = ["withvalues", "match", "count", "*", "f*", "10000", "0", "foo"];

function pairs(random: RandomSource): string[] {
  const parts: string[] = [];
  for (let i = random.integer(0, 8); i >= 0; i--) parts.push(random.pick(FIELDS), random.pick(VALUES));
  if (random.chance(0.05)) parts.pop();
  return parts;
}

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  (random) => [random.pick(["hset", "hset", "hset", "hmset"]), random.pick(KEYS), ...pairs(random)],
  (random) => ["hsetnx", random.pick(KEYS), random.pick(FIELDS), random.pick(VALUES)],
  (random) => [random.pick(["hget", "hexists", "hstrlen"]), random.pick(KEYS), random.pick(FIELDS)],
  (random) => ["hmget", random.pick(KEYS), ...random.picks(FIELDS, 0, 5)],
  (random) => ["hdel", random.pick(KEYS), ...random.picks(FIELDS, 1, 4)],
  (random) => [random.pick(["hlen", "hgetall", "hkeys", "hvals"]), random.pick(KEYS)],
  (random) => ["hincrby", random.pick(KEYS), random.pick(FIELDS), random.pick(NUMBER_TEXTS)],
  (random) => ["hincrbyfloat", random.pick(KEYS), random.pick(FIELDS), random.pick(NUMBER_TEXTS)],
  (random) => ["hrandfield", "none", ...random.picks([...COUNTS, "withvalues"], 0, 3)],
  (random) => ["hrandfield", random.pick(KEYS), random.pick(["1000", "0", "x"]), ...random.picks(WORDS, 0, 1)],
  (random) => ["hscan", random.pick(KEYS), random.pick(["0", "x"]), "count", random.pick(["1000", "0", "x"])],
  (random) => ["hscan", random.pick(KEYS), "0", "count", "1000", ...random.picks(WORDS, 0, 2)],
  (random) => (random.chance(0.1) ? ["del", random.pick(KEYS)] : ["set", "str", "v"]),
];

export const hashFamily: CommandFamily = {
  tolerance: { unordered: ["hgetall", "hkeys", "hvals", "hscan", "hrandfield"] },
  generate: (random) => random.pick(GENERATORS)(random),
};
