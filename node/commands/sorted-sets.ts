/**
 * The sorted set commands that work on given members, ZRANDMEMBER and ZSCAN. Ranges are in sorted-set-ranges.ts,
 * pops in sorted-set-pops.ts, unions and their kin in sorted-set-algebra.ts.
 */

import type { Argv } from "../base/argv.ts";
import { Zset } from "../datatypes/zset.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { formatDouble, type ReplyWriter } from "../resp/reply.ts";
import { isWord, optionWord, readDouble } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { executeElementScan } from "./element-scan.ts";
import { countRandom, readRandomCount, visitRandom } from "./random-elements.ts";
import { sortedSetAlgebraCommands } from "./sorted-set-algebra.ts";
import { sortedSetPopCommands } from "./sorted-set-pops.ts";
import { sortedSetRangeCommands } from "./sorted-set-ranges.ts";

const zset = new Zset();
const NX = optionWord("nx");
const XX = optionWord("xx");
const GT = optionWord("gt");
const LT = optionWord("lt");
const CH = optionWord("ch");
const INCR = optionWord("incr");
const WITHSCORES = optionWord("withscores");

/** The options of a ZADD; one object serves all calls. */
const options = {
  isNx: false,
  isXx: false,
  isGt: false,
  isLt: false,
  isCh: false,
  isIncr: false,
  /** Argument index of the first score. */
  first: 2,
};

/** Opens the sorted set of argument 1, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext): boolean {
  if (zset.open(tx, argv, 1)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

function isFound({ argv }: DataContext, index: number): boolean {
  return zset.find(argv.buf, argv.start(index), argv.end(index));
}

/** Reads the options of ZADD; the error to reply, or undefined. */
function readZaddOptions(argv: Argv): string | undefined {
  options.isNx = options.isXx = options.isGt = options.isLt = options.isCh = options.isIncr = false;
  let i = 2;
  for (; i < argv.count; i++) {
    if (isWord(argv, i, NX)) options.isNx = true;
    else if (isWord(argv, i, XX)) options.isXx = true;
    else if (isWord(argv, i, GT)) options.isGt = true;
    else if (isWord(argv, i, LT)) options.isLt = true;
    else if (isWord(argv, i, CH)) options.isCh = true;
    else if (isWord(argv, i, INCR)) options.isIncr = true;
    else break;
  }
  options.first = i;
  const rest = argv.count - i;
  if (rest === 0 || rest % 2 !== 0) return ERRORS.syntax;
  if (options.isNx && options.isXx) return ERRORS.zaddXxWithNx;
  if ((options.isGt || options.isLt) && options.isNx) return ERRORS.zaddGtLtNx;
  if (options.isGt && options.isLt) return ERRORS.zaddGtLtNx;
  return options.isIncr && rest > 2 ? ERRORS.zaddIncrPairs : undefined;
}

function executeZadd(context: DataContext): void {
  const { argv, reply } = context;
  let error = readZaddOptions(argv);
  for (let i = options.first; i < argv.count && error === undefined; i += 2) {
    if (readDouble(argv, i) === undefined) error = ERRORS.notFloat;
  }
  if (error !== undefined) {
    reply.error(error);
    return;
  }
  if (!isOpened(context)) return;
  if (options.isIncr) {
    increment(context, options.first, options.first + 1);
    return;
  }
  let added = 0;
  let changed = 0;
  for (let i = options.first; i < argv.count; i += 2) {
    const outcome = putMember(context, readDouble(argv, i) as number, i + 1);
    if (outcome === ADDED) added++;
    else if (outcome === CHANGED) changed++;
  }
  zset.close();
  reply.integer(options.isCh ? added + changed : added);
}

const REFUSED = 0;
const SAME = 1;
const CHANGED = 2;
const ADDED = 3;

/** Gives the member of argument `index` a score, where the options allow it. */
function putMember({ argv }: DataContext, score: number, index: number): number {
  const { buf } = argv;
  const start = argv.start(index);
  const end = argv.end(index);
  if (!zset.find(buf, start, end)) {
    if (options.isXx) return REFUSED;
    zset.add(buf, start, end, score);
    return ADDED;
  }
  const isRefused = options.isNx || (options.isGt && score <= zset.score) || (options.isLt && score >= zset.score);
  if (isRefused) return REFUSED;
  if (score === zset.score) return SAME;
  zset.update(buf, start, end, score);
  return CHANGED;
}

/** Adds the score of argument `scoreIndex` to that of a member; replies with the sum, or nil where it is refused. */
function increment(context: DataContext, scoreIndex: number, memberIndex: number): void {
  const { argv, reply } = context;
  const amount = readDouble(argv, scoreIndex) as number;
  const isThere = isFound(context, memberIndex);
  if (isThere && options.isNx) {
    reply.nil();
    return;
  }
  const score = isThere ? zset.score + amount : amount;
  if (Number.isNaN(score)) {
    reply.error(ERRORS.scoreNotNumber);
    return;
  }
  if (putMember(context, score, memberIndex) === REFUSED) {
    reply.nil();
    return;
  }
  zset.close();
  reply.double(score);
}

function executeZincrby(context: DataContext): void {
  if (readDouble(context.argv, 2) === undefined) {
    context.reply.error(ERRORS.notFloat);
    return;
  }
  if (!isOpened(context)) return;
  options.isNx = options.isXx = options.isGt = options.isLt = false;
  increment(context, 2, 3);
}

function executeZrem(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  let removed = 0;
  for (let i = 2; i < argv.count && zset.exists(); i++) {
    if (zset.remove(argv.buf, argv.start(i), argv.end(i))) removed++;
  }
  zset.close();
  reply.integer(removed);
}

function executeZcard(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(zset.count());
}

function replyScoreOf(context: DataContext, index: number): void {
  if (isFound(context, index)) context.reply.double(zset.score);
  else context.reply.nil();
}

function executeZscore(context: DataContext): void {
  if (isOpened(context)) replyScoreOf(context, 2);
}

function executeZmscore(context: DataContext): void {
  if (!isOpened(context)) return;
  const count = context.argv.count;
  context.reply.array(count - 2);
  for (let i = 2; i < count; i++) replyScoreOf(context, i);
}

function executeZrank(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  if (isFound(context, 2)) reply.integer(zset.rankOf(argv.buf, argv.start(2), argv.end(2)));
  else reply.nil();
}

function executeZrevrank(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  if (isFound(context, 2)) reply.integer(zset.count() - 1 - zset.rankOf(argv.buf, argv.start(2), argv.end(2)));
  else reply.nil();
}

function replyElement(reply: ReplyWriter): void {
  reply.bulk(zset.element.buf, zset.element.start, zset.element.end);
}

function executeZrandmember(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (argv.count > 2) {
    replyRandomMembers(context);
    return;
  }
  if (!isOpened(context)) return;
  if (!zset.exists()) {
    reply.nil();
    return;
  }
  zset.seek(tx.random.nextBelow(zset.count()));
  zset.next();
  replyElement(reply);
}

function replyRandomMembers(context: DataContext): void {
  const { argv, reply } = context;
  const hasScores = argv.count === 4;
  const isSyntaxRight = argv.count === 3 || (hasScores && isWord(argv, 3, WITHSCORES));
  const count = readRandomCount(context, hasScores && isSyntaxRight);
  if (count === undefined) return;
  if (!isSyntaxRight) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (!isOpened(context)) return;
  const isPaired = hasScores && reply.protocol === 3;
  const replies = countRandom(zset, count);
  reply.array(hasScores && !isPaired ? 2 * replies : replies);
  const visit = () => {
    if (isPaired) reply.array(2);
    replyElement(reply);
    if (hasScores) reply.double(zset.score);
  };
  visitRandom(context, zset, { count, visit });
}

function replyScoreText(reply: ReplyWriter): void {
  reply.bulkText(formatDouble(zset.score));
}

function executeZscan(context: DataContext): void {
  executeElementScan(context, zset, replyScoreText);
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "sorted-set",
} as const;
const WRITE = { ...COMMON, flags: ["write", "denyoom", "fast"] } as const;
const READ = { ...COMMON, flags: ["readonly", "fast"] } as const;

export const sortedSetCommands: readonly DataCommand[] = [
  {
    ...WRITE,
    name: "zadd",
    arity: -4,
    since: "1.2.0",
    summary: "Adds members with scores to a sorted set, or changes their scores.",
    complexity: "O(log(N)) for each member, where N is the size of the set",
    execute: executeZadd,
  },
  {
    ...WRITE,
    name: "zincrby",
    arity: 4,
    since: "1.2.0",
    summary: "Adds to the score of a member.",
    complexity: "O(log(N)) where N is the size of the set",
    execute: executeZincrby,
  },
  {
    ...COMMON,
    flags: ["write", "fast"],
    name: "zrem",
    arity: -3,
    since: "1.2.0",
    summary: "Removes members; answers how many there were.",
    complexity: "O(M*log(N)) where N is the size of the set and M the number of members given",
    execute: executeZrem,
  },
  {
    ...READ,
    name: "zcard",
    arity: 2,
    since: "1.2.0",
    summary: "Counts the members of a sorted set.",
    complexity: "O(1)",
    execute: executeZcard,
  },
  {
    ...READ,
    name: "zscore",
    arity: 3,
    since: "1.2.0",
    summary: "Reads the score of a member.",
    complexity: "O(log(N)) where N is the size of the set",
    execute: executeZscore,
  },
  {
    ...READ,
    name: "zmscore",
    arity: -3,
    since: "6.2.0",
    summary: "Reads the scores of several members.",
    complexity: "O(M*log(N)) where N is the size of the set and M the number of members given",
    execute: executeZmscore,
  },
  {
    ...READ,
    name: "zrank",
    arity: 3,
    since: "2.0.0",
    summary: "The position of a member, counted from the lowest score.",
    complexity: "O(log(N)) where N is the size of the set",
    execute: executeZrank,
  },
  {
    ...READ,
    name: "zrevrank",
    arity: 3,
    since: "2.0.0",
    summary: "The position of a member, counted from the highest score.",
    complexity: "O(log(N)) where N is the size of the set",
    execute: executeZrevrank,
  },
  {
    ...COMMON,
    flags: ["readonly", "random"],
    name: "zrandmember",
    arity: -2,
    since: "6.2.0",
    summary: "Picks members of a sorted set at random.",
    complexity: "O(M*log(N)) where N is the size of the set and M the number of members picked",
    execute: executeZrandmember,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "zscan",
    arity: -3,
    since: "2.8.0",
    summary: "Walks over a sorted set in steps, from cursor to cursor.",
    complexity: "O(1) a step, O(N) for the whole set",
    execute: executeZscan,
  },
  ...sortedSetRangeCommands,
  ...sortedSetPopCommands,
  ...sortedSetAlgebraCommands,
];
