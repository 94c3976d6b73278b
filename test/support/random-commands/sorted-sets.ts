/** Random commands of the sorted set family: small sets, some beyond the inline limit, and one with equal scores. */

import { type CommandFamily, NUMBER_TEXTS, type RandomSource } from "./family.ts";

const KEYS = ["a", "b", "c", "str", "none", "set"];
/** All its members have score 0, so that ranges by name mean something. */
const NAMES_KEY = "names";
const MEMBERS = [
  ..."x y z 1 2 3".split(" "),
  "",
  "\xff\x00",
  "long".repeat(70),
  ...Array.from({ length: 60 }, (_, i) => `member:${"#".repeat(i)}${i}`),
];
const SCORES = [..."0 1 2 3 -1 -2 1.5 0.1 100 1e10 3.14 inf -inf 5e-3".split(" "), "1"];
const SCORE_BOUNDS = [...SCORES, "(1", "(2", "(-inf", "+inf", "-inf", "(inf", "x", "", "(", "10", "-10"];
const NAME_BOUNDS = ["-", "+", "[x", "(x", "[member:", "(member:#1", "[", "(", "x", "", "[y", "[z", "(z", "-x"];
const INDEXES = ["0", "1", "-1", "2", "5", "-3", "100", "-100", "x"];
const WORDS = ["nx", "xx", "gt", "lt", "ch", "incr"];

function scoredMembers(random: RandomSource): string[] {
  const parts: string[] = [];
  const scores = random.chance(0.05) ? NUMBER_TEXTS.filter((text) => !text.startsWith("-0")) : SCORES;
  for (let i = random.integer(0, 8); i >= 0; i--) parts.push(random.pick(scores), random.pick(MEMBERS));
  if (random.chance(0.02)) parts.pop();
  return parts;
}

function limit(random: RandomSource): string[] {
  return random.chance(0.3) ? ["limit", random.pick(INDEXES), random.pick(INDEXES)] : [];
}

function withScores(random: RandomSource): string[] {
  return random.chance(0.5) ? [random.anyCase("withscores")] : [];
}

/** Bounds and options of ZRANGE after its keys, for a key where `by` makes sense. */
function rangeOf(random: RandomSource): string[] {
  const isReverse = random.chance(0.4) ? ["rev"] : [];
  const by = random.pick(["", "byscore", "bylex"]);
  const key = by === "bylex" ? NAMES_KEY : random.pick([...KEYS, NAMES_KEY]);
  const bounds = by === "" ? INDEXES : by === "byscore" ? SCORE_BOUNDS : NAME_BOUNDS;
  const order = by === "" ? isReverse : [by, ...isReverse];
  return [key, random.pick(bounds), random.pick(bounds), ...order, ...limit(random)];
}

function algebraOptions(random: RandomSource, keyCount: number): string[] {
  const parts: string[] = [];
  if (random.chance(0.4)) {
    const weights = Array.from({ length: keyCount }, () => random.pick(["1", "2", "-1", "0.5", "0", "inf"]));
    parts.push("weights", ...weights);
  }
  if (random.chance(0.4)) parts.push("aggregate", random.pick(["sum", "MIN", "max", "foo"]));
  if (random.chance(0.3)) parts.push("withscores");
  if (random.chance(0.05)) parts.push(random.pick(["limit", "foo", "weights"]));
  return parts;
}

function numbered(random: RandomSource): { count: number; parts: string[] } {
  const keys = random.picks([...KEYS, NAMES_KEY], 1, 3);
  const count = random.chance(0.05) ? random.pick(["0", "-1", "x", "9"]) : String(keys.length);
  return { count: keys.length, parts: [count, ...keys] };
}

const ADDS: readonly ((random: RandomSource) => string[])[] = [
  (random) => ["zadd", random.pick(KEYS.slice(0, 4)), ...scoredMembers(random)],
  (random) => ["zadd", random.pick(KEYS.slice(0, 4)), ...random.picks(WORDS, 1, 3), ...scoredMembers(random)],
  (random) => ["zadd", NAMES_KEY, ...random.picks(MEMBERS, 1, 9).flatMap((member) => ["0", member])],
  (random) => ["zadd", random.pick(KEYS.slice(0, 4)), "incr", random.pick(SCORES), random.pick(MEMBERS)],
  (random) => ["zincrby", random.pick(KEYS.slice(0, 4)), random.pick(SCORES), random.pick(MEMBERS)],
  (random) => ["zrem", random.pick(KEYS), ...random.picks(MEMBERS, 1, 6)],
  (random) => ["sadd", "set", ...random.picks(MEMBERS, 1, 6)],
];

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  ...ADDS,
  ...ADDS,
  (random) => [random.pick(["zscore", "zrank", "zrevrank"]), random.pick(KEYS), random.pick(MEMBERS)],
  (random) => ["zmscore", random.pick(KEYS), ...random.picks(MEMBERS, 0, 4)],
  (random) => ["zcard", random.pick(KEYS)],
  (random) => ["zrange", ...rangeOf(random), ...withScores(random)],
  (random) => ["zrangestore", random.pick(["a", "b"]), ...rangeOf(random)],
  (random) => [
    random.pick(["zrangebyscore", "zrevrangebyscore"]),
    random.pick(KEYS),
    random.pick(SCORE_BOUNDS),
    random.pick(SCORE_BOUNDS),
    ...withScores(random),
    ...limit(random),
  ],
  (random) => [
    random.pick(["zrangebylex", "zrevrangebylex"]),
    NAMES_KEY,
    random.pick(NAME_BOUNDS),
    random.pick(NAME_BOUNDS),
    ...limit(random),
  ],
  (random) => ["zrevrange", random.pick(KEYS), random.pick(INDEXES), random.pick(INDEXES), ...withScores(random)],
  (random) => [
    random.pick(["zcount", "zremrangebyscore"]),
    random.pick(KEYS),
    random.pick(SCORE_BOUNDS),
    random.pick(SCORE_BOUNDS),
  ],
  (random) => [
    random.pick(["zlexcount", "zremrangebylex"]),
    NAMES_KEY,
    random.pick(NAME_BOUNDS),
    random.pick(NAME_BOUNDS),
  ],
  (random) => ["zremrangebyrank", random.pick(KEYS), random.pick(INDEXES), random.pick(INDEXES)],
  (random) => [random.pick(["zpopmin", "zpopmax"]), random.pick(KEYS), ...random.picks(["0", "1", "3", "-1"], 0, 2)],
  (random) => [random.pick(["bzpopmin", "bzpopmax"]), "a", random.pick(["str", "x", "a"]), random.pick(["-1", "x"])],
  (random) => ["zmpop", ...numbered(random).parts, random.pick(["min", "MAX", "foo"])],
  (random) => ["zmpop", "2", "none", "b", "max", "count", random.pick(["1", "3", "0", "x"])],
  (random) => {
    const { count, parts } = numbered(random);
    return [random.pick(["zunion", "zinter", "zdiff"]), ...parts, ...algebraOptions(random, count)];
  },
  (random) => {
    const { count, parts } = numbered(random);
    const name = random.pick(["zunionstore", "zinterstore", "zdiffstore"]);
    return [name, random.pick(["b", "c"]), ...parts, ...algebraOptions(random, count)];
  },
  (random) => ["zintercard", ...numbered(random).parts, ...random.picks(["limit", "0", "1", "-1"], 0, 2)],
  (random) => ["zrandmember", "none", ...random.picks(["1", "-1", "x", "withscores"], 0, 3)],
  (random) => ["zscan", random.pick(KEYS), "0", "count", "1000", ...random.picks(["match", "m*", "x"], 0, 2)],
  (random) => (random.chance(0.2) ? ["del", random.pick(KEYS)] : ["set", "str", "v"]),
];

export const sortedSetFamily: CommandFamily = {
  tolerance: { unordered: ["zscan"] },
  generate: (random) => random.pick(GENERATORS)(random),
};
