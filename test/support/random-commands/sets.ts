/** Random commands of the set family: small sets, and some beyond the inline limit. */

import type { CommandFamily, RandomSource } from "./family.ts";

const KEYS = ["a", "b", "c", "d", "str", "none"];
const MEMBERS = [
  ..."x y z 1 2 3 -1 01".split(" "),
  "",
  "\xff\x00",
  "long".repeat(70),
  ...Array.from({ length: 60 }, (_, i) => `member:${"#".repeat(i)}${i}`),
];
const COUNTS = ["0", "1", "-1", "x", "-9223372036854775808", "9223372036854775807", "99999999999999999999"];
const WORDS = ["limit", "0", "1", "3", "-1", "x", "match", "*"];

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  (random) => ["sadd", random.pick(KEYS.slice(0, 5)), ...random.picks(MEMBERS, 1, 12)],
  (random) => ["sadd", random.pick(KEYS.slice(0, 5)), ...random.picks(MEMBERS, 1, 12)],
  (random) => ["srem", random.pick(KEYS), ...random.picks(MEMBERS, 1, 12)],
  (random) => ["sismember", random.pick(KEYS), random.pick(MEMBERS)],
  (random) => ["smismember", random.pick(KEYS), ...random.picks(MEMBERS, 0, 4)],
  (random) => [random.pick(["scard", "smembers"]), random.pick(KEYS)],
  (random) => ["smove", random.pick(KEYS), random.pick(KEYS.slice(0, 5)), random.pick(MEMBERS)],
  (random) => [random.pick(["sinter", "sunion", "sdiff"]), ...random.picks(KEYS, 1, 4)],
  (random) => [
    random.pick(["sinterstore", "sunionstore", "sdiffstore"]),
    random.pick(KEYS.slice(0, 4)),
    ...random.picks(KEYS, 0, 3),
  ],
  (random) => ["sintercard", random.pick(["1", "2", "0", "x", "9"]), ...random.picks([...KEYS, ...WORDS], 1, 4)],
  (random) => ["sintercard", "2", random.pick(KEYS), random.pick(KEYS), ...random.picks(WORDS, 0, 2)],
  (random) => ["spop", random.pick(KEYS), random.pick(["0", "1000", "-1", "x"]), ...random.picks(WORDS, 0, 1)],
  (random) => ["srandmember", "none", ...random.picks(COUNTS, 0, 2)],
  (random) => ["srandmember", random.pick(KEYS), "1000"],
  (random) => ["sscan", random.pick(KEYS), random.pick(["0", "x"]), "count", "1000", ...random.picks(WORDS, 0, 2)],
  (random) => (random.chance(0.2) ? ["del", random.pick(KEYS)] : ["set", "str", "v"]),
];

export const setFamily: CommandFamily = {
  tolerance: { unordered: ["smembers", "sinter", "sunion", "sdiff", "spop", "srandmember", "sscan"] },
  generate: (random) => random.pick(GENERATORS)(random),
};
