/**
 * Runs random commands of a family here and on a redis-server 7.0 of this machine, and compares the replies byte by
 * byte. A tool for whoever writes a family, not a test: `node test/support/compare-with-redis.ts --family strings
 * [--count 20000] [--seed 1] [--show 10] [--protocol 3]`. Each round of 200 commands starts empty with a seed of its
 * own, which is printed with every difference: `--seed THAT --count 200` repeats it. Exits with 1 where anything differs.
 */

import { parseArgs } from "node:util";
import { present } from "../../node/base/assert.ts";
import { dataCommands } from "../../node/commands/registry.ts";
import { type CommandFamily, RandomSource, type Tolerance } from "./random-commands/family.ts";
import { hashFamily } from "./random-commands/hashes.ts";
import { keyFamily } from "./random-commands/keys.ts";
import { listFamily } from "./random-commands/lists.ts";
import { setFamily } from "./random-commands/sets.ts";
import { sortedSetFamily } from "./random-commands/sorted-sets.ts";
import { stringFamily } from "./random-commands/strings.ts";
import { RedisServer } from "./redis-server.ts";
import { decodeReplies } from "./reply-decoder.ts";
import { CommandRunner } from "./run-command.ts";

/** A family adds its line here. */
const FAMILIES: Readonly<Record<string, CommandFamily>> = {
  strings: stringFamily,
  keys: keyFamily,
  hashes: hashFamily,
  lists: listFamily,
  sets: setFamily,
  "sorted-sets": sortedSetFamily,
};

const ROUND_COMMANDS = 200;
/** Replies that are times may differ by as much as the two commands lie apart. */
const TIME_SLACK_MS = 1500;
/** Times beyond 2^53 ms are stored here as the last one below it; Redis keeps them. In seconds: */
const NEVER_SECONDS = 9e12;
const SHOWN_BYTES = 200;

const { values } = parseArgs({
  options: {
    family: { type: "string", default: "strings" },
    count: { type: "string", default: "20000" },
    seed: { type: "string", default: "1" },
    protocol: { type: "string", default: "2" },
    show: { type: "string", default: "10" },
  },
});

/** The commands that are built here, by full name; the others of a round are left out on both sides. */
const known = new Set(dataCommands.map(({ name }) => name));
const containers = new Set([...known].filter((name) => name.includes("|")).map((name) => name.split("|")[0]));

function fullName(parts: readonly string[]): string {
  const name = present(parts[0], "a command's name").toLowerCase();
  return containers.has(name) ? `${name}|${parts[1]?.toLowerCase()}` : name;
}

interface Replies {
  readonly ours: string;
  readonly theirs: string;
}

function isSame(name: string, { ours, theirs }: Replies, tolerance: Tolerance): boolean {
  if (ours === theirs) return true;
  if (tolerance.kindOnly?.includes(name)) return ours[0] === theirs[0];
  if (tolerance.times?.includes(name) && ours[0] === ":" && theirs[0] === ":") {
    const [our, their] = [Number(ours.slice(1)), Number(theirs.slice(1))];
    return Math.abs(our - their) <= TIME_SLACK_MS || (our > NEVER_SECONDS && their > NEVER_SECONDS);
  }
  return tolerance.unordered?.includes(name) === true && sorted(ours) === sorted(theirs);
}

/** The reply with all its arrays sorted. */
function sorted(reply: string): string {
  const sortDeep = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sortDeep).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : value;
  return JSON.stringify(sortDeep(decodeReplies(Buffer.from(reply, "latin1"))));
}

function shorten(text: string): string {
  const shown = JSON.stringify(text.length > SHOWN_BYTES ? `${text.slice(0, SHOWN_BYTES)}… (${text.length})` : text);
  return shown;
}

/** Runs one round; answers the descriptions of what differs. */
async function compareRound(redis: RedisServer, family: CommandFamily, seed: number): Promise<string[]> {
  const random = new RandomSource(seed);
  const runner = new CommandRunner(dataCommands, { compareMisses: false });
  runner.protocol = values.protocol === "3" ? 3 : 2;
  const commands: (readonly string[])[] = [];
  while (commands.length < ROUND_COMMANDS) {
    const parts = family.generate(random);
    if (known.has(fullName(parts))) commands.push(parts);
  }
  await redis.pipeline([["flushall"]]);
  const replies = await redis.pipeline(commands.flatMap((parts) => [["time"], parts]));
  const differences: string[] = [];
  commands.forEach((parts, index) => {
    const [time] = decodeReplies(present(replies[2 * index], "a time")) as [[string, string]];
    runner.nowMs = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
    const name = fullName(parts);
    const own = containers.has(present(parts[0], "a name").toLowerCase()) ? [name, ...parts.slice(1)] : parts;
    const ours = callRaw(runner, own, name);
    const theirs = present(replies[2 * index + 1], "a reply").toString("latin1");
    if (isSame(name, { ours, theirs }, family.tolerance)) return;
    differences.push(
      `seed ${seed} command ${index}: ${parts.map(shorten).join(" ")}\n  ours   ${shorten(ours)}\n  theirs ${shorten(theirs)}`,
    );
  });
  return differences;
}

/** A subcommand's record has the arity of the whole command: its name stands for the container. */
function callRaw(runner: CommandRunner, parts: readonly string[], name: string): string {
  return runner.callRaw(name, ...parts.slice(1));
}

const family = present(FAMILIES[values.family], `a family: ${Object.keys(FAMILIES).join(", ")}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const redis = await RedisServer.start();
await redis.pipeline([["hello", values.protocol]]);
let differing = 0;
let compared = 0;
try {
  for (let seed = Number(values.seed); compared < Number(values.count); seed++) {
    const differences = await compareRound(redis, family, seed);
    compared += ROUND_COMMANDS;
    for (const text of differences.slice(0, Math.max(0, Number(values.show) - differing))) {
      process.stdout.write(`${text}\n`);
    }
    differing += differences.length;
  }
} finally {
  await redis.stop();
}
process.stdout.write(`${compared} commands compared, ${differing} replies differ\n`);
process.exitCode = differing > 0 ? 1 : 0;
