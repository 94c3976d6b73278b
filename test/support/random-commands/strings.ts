/** Random commands of the string family. */

import { type CommandFamily, NUMBER_TEXTS, type RandomSource } from "./family.ts";

const KEYS = ["a", "b", "c", "n", "m", "long", "\x00\xff", ""];
const LONG = "0123456789abcdef".repeat(1500);
const VALUES = [...NUMBER_TEXTS, "hello", "\r\n\x00\xff", "x".repeat(44), "y".repeat(45), "z".repeat(5000), LONG];
const OFFSETS = ["0", "1", "5", "-1", "-5", "100", "20000", "-100000", "9223372036854775807", "536870912", "x", "1.0"];
const SMALL_OFFSETS = ["0", "1", "5", "-1", "30", "17000", "536870912", "x", ""];
const TIMES = [
  "100",
  "1000",
  "99999",
  "0",
  "-1",
  "abc",
  "9223372036854775807",
  "9223372036854775",
  "20000000000000",
  "",
];

function expiryOption(random: RandomSource): string[] {
  return [random.anyCase(random.pick(["ex", "px", "exat", "pxat"])), random.pick(TIMES)];
}

function setOptions(random: RandomSource): string[] {
  const options: string[] = [];
  for (let i = random.integer(0, 3); i > 0; i--) {
    if (random.chance(0.4)) options.push(...expiryOption(random));
    else options.push(random.anyCase(random.pick(["nx", "xx", "get", "keepttl", "persist", "ex", "foo"])));
  }
  return options;
}

const GENERATORS: readonly ((random: RandomSource) => string[])[] = [
  (random) => ["get", random.pick(KEYS)],
  (random) => ["set", random.pick(KEYS), random.pick(VALUES)],
  (random) => ["set", random.pick(KEYS), random.pick(VALUES), ...setOptions(random)],
  (random) => ["setnx", random.pick(KEYS), random.pick(VALUES)],
  (random) => [random.pick(["setex", "psetex"]), random.pick(KEYS), random.pick(TIMES), random.pick(VALUES)],
  (random) => ["getset", random.pick(KEYS), random.pick(VALUES)],
  (random) => ["getdel", random.pick(KEYS)],
  (random) => [
    "getex",
    random.pick(KEYS),
    ...random.pick([[], ["persist"], expiryOption(random), expiryOption(random), setOptions(random)]),
  ],
  (random) => ["mget", ...random.picks(KEYS, 0, 5)],
  (random) => [random.pick(["mset", "msetnx"]), ...random.picks([...KEYS, ...VALUES], 0, 6)],
  (random) => ["msetnx", random.pick(KEYS), "1", random.pick(KEYS), "2"],
  (random) => ["append", random.pick(KEYS), random.pick(VALUES)],
  (random) => ["strlen", random.pick(KEYS)],
  (random) => [random.pick(["getrange", "substr"]), random.pick(KEYS), random.pick(OFFSETS), random.pick(OFFSETS)],
  (random) => ["setrange", random.pick(KEYS), random.pick(SMALL_OFFSETS), random.pick(["", "v", "value", LONG])],
  (random) => [random.pick(["incr", "decr"]), random.pick(KEYS)],
  (random) => [random.pick(["incrby", "decrby", "incrbyfloat"]), random.pick(KEYS), random.pick(NUMBER_TEXTS)],
  (random) => ["set", random.pick(["n", "m"]), random.pick(NUMBER_TEXTS)],
  (random) => ["incrbyfloat", random.pick(["n", "m"]), String(random.integer(-1e9, 1e9) / 1000)],
  (random) => ["lpush", random.pick(["a", "b"]), "x"],
  (random) => ["pttl", random.pick(KEYS)],
  (random) => ["del", random.pick(KEYS)],
];

export const stringFamily: CommandFamily = {
  tolerance: { times: ["pttl"] },
  generate: (random) => random.pick(GENERATORS)(random),
};
