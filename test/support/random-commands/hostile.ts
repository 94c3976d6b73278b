/**
 * Commands that nobody should send: any name of the registry with arguments of every kind, and commands of the
 * families' own generators with one argument cut, doubled, swapped or replaced.
 */

import { dataCommands } from "../../../node/commands/registry.ts";
import { sessionCommands } from "../../../node/commands/session-commands.ts";
import { type CommandFamily, NUMBER_TEXTS, type RandomSource } from "./family.ts";
import { hashFamily } from "./hashes.ts";
import { keyFamily } from "./keys.ts";
import { listFamily } from "./lists.ts";
import { setFamily } from "./sets.ts";
import { sortedSetFamily } from "./sorted-sets.ts";
import { stringFamily } from "./strings.ts";

const FAMILIES: readonly CommandFamily[] = [
  hashFamily,
  keyFamily,
  listFamily,
  setFamily,
  sortedSetFamily,
  stringFamily,
];
/**
 * They end the process, sleep, hold all clients, or answer other than once; HELLO is asked for apart, as it changes
 * what a reply may be.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  "shutdown",
  "debug|sleep",
  "client|pause",
  "client|reply",
  "client|kill",
  "quit",
  "hello",
  "config|set",
]);
const NAMES = [...dataCommands, ...sessionCommands].map(({ name }) => name).filter((name) => !LEFT_OUT.has(name));
const KEYS = ["{t}a", "{t}b", "{t}c", "{t}d", "{t}e", "{t}\xff\x00", "x", "y", "", "{t}"];
const WORDS =
  "nx xx gt lt ch incr ex px exat pxat keepttl persist get match count type limit weights aggregate sum min max \
withscores withvalues byscore bylex rev left right before after rank maxlen replace absttl ( [ - + (1 [a -inf +inf \
1 2 3 * string list hash set zset ? id addr user on off yes no normal default setname lib-name \
error timeout sync async all everything memory".split(/\s+/);
const NUMBERS = [
  ...NUMBER_TEXTS,
  "2147483648",
  "-2147483648",
  "-9223372036854775809",
  "18446744073709551616",
  "1e-320",
  "-100000",
  "-3",
];
const LONG_KEY = "k".repeat(65_536);
const LONGEST_KEY = "k".repeat(65_535);
const LONG_VALUE = "0123456789".repeat(2500);
const ARGUMENTS_TO_SPARE = 4;

export function hostileCommand(random: RandomSource): readonly string[] {
  if (random.chance(0.5)) return spoil(random, random.pick(FAMILIES).generate(random));
  const name = random.chance(0.02) ? anyText(random) : random.pick(NAMES);
  const words = name.split("|");
  if (random.chance(0.3)) words[0] = random.anyCase(words[0] as string);
  const count = random.integer(0, ARGUMENTS_TO_SPARE + (random.chance(0.05) ? 60 : 0));
  return [...words, ...Array.from({ length: count }, (_, i) => argument(random, i === 0))];
}

/** MULTI, EXEC and what belongs to them, often enough to come in every order. */
export function transactionCommand(random: RandomSource): readonly string[] {
  return random.pick([["multi"], ["exec"], ["discard"], ["unwatch"], ["watch", random.pick(KEYS)], ["reset"]]);
}

function spoil(random: RandomSource, parts: readonly string[]): readonly string[] {
  const words = parts.map((part) => (NAMES.includes(part) || random.chance(0.7) ? part : argument(random, false)));
  if (random.chance(0.1)) words.splice(random.integer(1, words.length), 1);
  if (random.chance(0.1)) words.push(argument(random, false));
  return LEFT_OUT.has((words[0] ?? "").toLowerCase()) ? ["ping"] : words;
}

function argument(random: RandomSource, isKey: boolean): string {
  if (isKey && random.chance(0.7)) return random.pick(KEYS);
  const kind = random.integer(0, 9);
  if (kind < 3) return random.pick(KEYS);
  if (kind < 5) return random.pick(NUMBERS);
  if (kind < 7) return random.pick(WORDS);
  if (kind === 7 && random.chance(0.1)) return random.pick([LONG_KEY, LONGEST_KEY, LONG_VALUE]);
  if (kind === 8) return String(random.integer(-10, 10));
  return anyText(random);
}

function anyText(random: RandomSource): string {
  return Array.from({ length: random.integer(0, 12) }, () => String.fromCharCode(random.integer(0, 255))).join("");
}
