/** Random commands of the list family: small lists, and some beyond the inline limit. Blocking ones wait a moment. */

import type { CommandFamily, RandomSource } from "./family.ts";

const KEYS = ["a", "b", "c", "d", "str", "none"];
const WRITTEN = KEYS.slice(0, 5);
const ELEMENTS = [
  ..."x x y y z 1 2 -1 01".split(" "),
  "",
  "\xff\x00",
  "long".repeat(70),
  ...Array.from({ length: 20 }, (_, i) => `element:${"#".repeat(5 * i)}${i}`),
];
const INDEXES = [..."0 1 2 3 5 8 20 -1 -2 -3 -8 x 1.5".split(" "), "-9223372036854775808", "9223372036854775807"];
const COUNTS = ["0", "1", "2", "5", "1000", "-1", "x", "99999999999999999999", "-9223372036854775808"];
const ENDS = ["left", "right", "LEFT", "Right"];
const TIMEOUTS = ["0.001", "0.001", "0.001", "0.002", "-1", "x", "", "inf", "1e300", "nan"];
const WORDS = ["rank", "COUNT", "Maxlen", "0", "1", "2", "-1", "-2", "x"];

function end(random: RandomSource): string {
  return random.chance(0.03) ? "middle" : random.pick(ENDS);
}

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  (random) => [random.pick(["lpush", "rpush"]), random.pick(WRITTEN), ...random.picks(ELEMENTS, 1, 12)],
  (random) => [random.pick(["lpush", "rpush"]), random.pick(WRITTEN), ...random.picks(ELEMENTS, 1, 30)],
  (random) => [random.pick(["lpushx", "rpushx"]), random.pick(KEYS), ...random.picks(ELEMENTS, 0, 3)],
  (random) => [random.pick(["lpop", "rpop"]), random.pick(KEYS), ...random.picks(COUNTS, 0, 1)],
  (random) => [random.pick(["lpop", "rpop"]), random.pick(KEYS), ...random.picks(COUNTS, 0, 2)],
  (random) => ["llen", random.pick(KEYS)],
  (random) => ["lrange", random.pick(KEYS), random.pick(INDEXES), random.pick(INDEXES)],
  (random) => ["lrange", random.pick(KEYS), "0", "-1"],
  (random) => ["ltrim", random.pick(KEYS), random.pick(INDEXES), random.pick(INDEXES)],
  (random) => ["ltrim", random.pick(KEYS), random.pick(["0", "1", "2"]), random.pick(["-1", "-2", "20"])],
  (random) => ["lindex", random.pick(KEYS), random.pick(INDEXES)],
  (random) => ["lset", random.pick(KEYS), random.pick(INDEXES), random.pick(ELEMENTS)],
  (random) => [
    "linsert",
    random.pick(KEYS),
    random.pick(["before", "AFTER", "x"]),
    random.pick(ELEMENTS),
    random.pick(ELEMENTS),
  ],
  (random) => ["lrem", random.pick(KEYS), random.pick([...COUNTS, "-2"]), random.pick(ELEMENTS)],
  (random) => ["lpos", random.pick(KEYS), random.pick(ELEMENTS), ...random.picks(WORDS, 0, 4)],
  // Redis 7.0 takes the smallest rank and counts with what it overflows to.
  (random) => ["lpos", random.pick(KEYS), "x", "rank", random.pick(COUNTS.slice(0, -1))],
  (random) => ["lpos", random.pick(KEYS), "x", random.pick(["COUNT", "Maxlen"]), random.pick(COUNTS)],
  (random) => ["lpos", random.pick(KEYS), "x", "rank", random.pick(["1", "2", "-1", "-3"]), "count", "2"],
  (random) => ["lmove", random.pick(KEYS), random.pick(KEYS), end(random), end(random)],
  (random) => ["rpoplpush", random.pick(KEYS), random.pick(KEYS)],
  (random) => [
    "lmpop",
    random.pick(["1", "2", "2", "0", "x"]),
    ...random.picks(KEYS, 1, 2),
    end(random),
    ...random.picks(["count", ...COUNTS], 0, 3),
  ],
  (random) => ["lmpop", "2", random.pick(KEYS), random.pick(KEYS), end(random), "count", random.pick(COUNTS)],
  (random) => [random.pick(["blpop", "brpop"]), random.pick(KEYS), random.pick(TIMEOUTS)],
  (random) => [random.pick(["blpop", "brpop"]), random.pick(WRITTEN.slice(0, 4)), "c", random.pick(TIMEOUTS)],
  (random) => ["blmove", random.pick(KEYS), random.pick(KEYS), end(random), end(random), random.pick(TIMEOUTS)],
  (random) => ["brpoplpush", random.pick(KEYS), random.pick(KEYS), random.pick(TIMEOUTS)],
  (random) => [
    "blmpop",
    random.pick(TIMEOUTS),
    random.pick(["1", "2", "0", "x"]),
    ...random.picks(KEYS, 1, 2),
    end(random),
    ...random.picks(["count", ...COUNTS], 0, 2),
  ],
  (random) => (random.chance(0.2) ? ["del", random.pick(KEYS)] : ["set", "str", "v"]),
  (random) => ["expire", random.pick(KEYS.slice(0, 4)), "1000"],
  (random) => ["persist", random.pick(KEYS.slice(0, 4))],
];

export const listFamily: CommandFamily = {
  tolerance: {},
  generate: (random) => random.pick(GENERATORS)(random),
};
