/**
 * ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms: members taken from an end of a sorted set.
 * A blocking command that finds nothing answers BLOCK; who runs it waits and runs it again, or replies the time-out.
 */

import { Zset } from "../datatypes/zset.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { isWord, optionWord, readClampedInteger } from "./argument-reader.ts";
import { readTimeoutMs } from "./blocking-timeout.ts";
import { BLOCK, type DataCommand, type DataContext } from "./command.ts";
import { numberedKeys } from "./numbered-keys.ts";

const zset = new Zset();
const MIN = optionWord("min");
const MAX = optionWord("max");
const COUNT = optionWord("count");

type End = "min" | "max";

/** Opens the sorted set of argument `index`, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext, index: number): boolean {
  if (zset.open(tx, argv, index)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

/** Takes `count` members, which the opened set has, from an end; `visit` is called while each is stood on. */
function pop(end: End, count: number, visit: () => void): void {
  const total = zset.count();
  if (end === "min") zset.seek(0);
  else zset.seekBack(total);
  for (let i = 0; i < count; i++) {
    if (end === "min") zset.next();
    else zset.previous();
    visit();
  }
  if (end === "min") zset.removeRange(0, count);
  else zset.removeRange(total - count, total);
  zset.close();
}

function replyMember(reply: ReplyWriter): void {
  reply.bulk(zset.element.buf, zset.element.start, zset.element.end);
  reply.double(zset.score);
}

function executePop(context: DataContext, end: End): void {
  const { argv, reply } = context;
  if (argv.count > 3) {
    reply.error(ERRORS.syntax);
    return;
  }
  const hasCount = argv.count === 3;
  const wanted = hasCount ? readClampedInteger(argv, 2) : 1;
  if (wanted === undefined || wanted < 0) {
    reply.error(ERRORS.notPositive);
    return;
  }
  if (!isOpened(context, 1)) return;
  const count = Math.min(wanted, zset.count());
  const isPaired = hasCount && reply.protocol === 3;
  reply.array(isPaired ? count : 2 * count);
  if (count === 0) return;
  pop(end, count, () => {
    if (isPaired) reply.array(2);
    replyMember(reply);
  });
}

function executeBlockingPop(context: DataContext, end: End): typeof BLOCK | undefined {
  const { argv, reply } = context;
  const timeout = argv.count - 1;
  const timeoutMs = readTimeoutMs(argv, timeout);
  if (typeof timeoutMs === "string") {
    reply.error(timeoutMs);
    return undefined;
  }
  for (let i = 1; i < timeout; i++) {
    if (!isOpened(context, i)) return undefined;
    if (!zset.exists()) continue;
    reply.array(3);
    reply.bulk(argv.buf, argv.start(i), argv.end(i));
    pop(end, 1, () => replyMember(reply));
    return undefined;
  }
  return BLOCK;
}

interface SeveralRequest {
  readonly firstKey: number;
  readonly keyCount: number;
  readonly end: End;
  readonly count: number;
}

/** Reads `numkeys key [key …] MIN|MAX [COUNT count]` from argument `from` on; a text is the error. */
function readSeveral({ argv }: DataContext, from: number): SeveralRequest | string {
  const keyCount = readClampedInteger(argv, from);
  if (keyCount === undefined || keyCount < 1) return ERRORS.numkeysNotPositive;
  const where = from + 1 + keyCount;
  if (where >= argv.count) return ERRORS.syntax;
  const isMin = isWord(argv, where, MIN);
  if (!isMin && !isWord(argv, where, MAX)) return ERRORS.syntax;
  let count = 1;
  if (argv.count > where + 1) {
    if (argv.count === where + 2 || !isWord(argv, where + 1, COUNT)) return ERRORS.syntax;
    const value = readClampedInteger(argv, where + 2);
    if (value === undefined || value < 1) return ERRORS.countNotPositive;
    if (argv.count > where + 3) return ERRORS.syntax;
    count = value;
  }
  return { firstKey: from + 1, keyCount, end: isMin ? "min" : "max", count };
}

/** Pops from the first set that is not empty. False, with no reply, where all are. */
function popSeveral(context: DataContext, request: SeveralRequest): boolean {
  const { argv, reply } = context;
  const { firstKey, keyCount, end } = request;
  for (let i = firstKey; i < firstKey + keyCount; i++) {
    if (!isOpened(context, i)) return true;
    if (!zset.exists()) continue;
    const count = Math.min(request.count, zset.count());
    reply.array(2);
    reply.bulk(argv.buf, argv.start(i), argv.end(i));
    reply.array(count);
    pop(end, count, () => {
      reply.array(2);
      replyMember(reply);
    });
    return true;
  }
  return false;
}

function executeZmpop(context: DataContext): void {
  const request = readSeveral(context, 1);
  if (typeof request === "string") context.reply.error(request);
  else if (!popSeveral(context, request)) context.reply.nilArray();
}

function executeBzmpop(context: DataContext): typeof BLOCK | undefined {
  const timeoutMs = readTimeoutMs(context.argv, 1);
  const request = typeof timeoutMs === "string" ? timeoutMs : readSeveral(context, 2);
  if (typeof request === "string") {
    context.reply.error(request);
    return undefined;
  }
  return popSeveral(context, request) ? undefined : BLOCK;
}

const COMMON = { scope: "data", group: "sorted-set" } as const;
const POP = {
  ...COMMON,
  flags: ["write", "fast"],
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  arity: -2,
  since: "5.0.0",
  complexity: "O(log(N)*M) where N is the size of the set and M the number of members taken",
} as const;
const BLOCKING_POP = {
  ...COMMON,
  flags: ["write", "blocking", "fast"],
  keys: { kind: "range", first: 1, last: -2, step: 1 },
  arity: -3,
  since: "5.0.0",
  complexity: "O(log(N)) where N is the size of the set",
  replyTimeout: (reply: ReplyWriter) => reply.nilArray(),
} as const;
const SEVERAL_COST = "O(K)+O(M*log(N)) where K is the number of keys, N the size of the set and M of members taken";

export const sortedSetPopCommands: readonly DataCommand[] = [
  {
    ...POP,
    name: "zpopmin",
    summary: "Takes the members with the lowest scores.",
    execute: (context) => executePop(context, "min"),
  },
  {
    ...POP,
    name: "zpopmax",
    summary: "Takes the members with the highest scores.",
    execute: (context) => executePop(context, "max"),
  },
  {
    ...BLOCKING_POP,
    name: "bzpopmin",
    summary: "Takes the member with the lowest score of the first sorted set that has one; waits for one.",
    execute: (context) => executeBlockingPop(context, "min"),
    timeoutMs: (argv) => readTimeoutMs(argv, argv.count - 1),
  },
  {
    ...BLOCKING_POP,
    name: "bzpopmax",
    summary: "Takes the member with the highest score of the first sorted set that has one; waits for one.",
    execute: (context) => executeBlockingPop(context, "max"),
    timeoutMs: (argv) => readTimeoutMs(argv, argv.count - 1),
  },
  {
    ...COMMON,
    flags: ["write", "movablekeys"],
    keys: numberedKeys(1, 0),
    name: "zmpop",
    arity: -4,
    since: "7.0.0",
    summary: "Takes members from an end of the first sorted set that has any.",
    complexity: SEVERAL_COST,
    execute: executeZmpop,
  },
  {
    ...COMMON,
    flags: ["write", "blocking", "movablekeys"],
    keys: numberedKeys(2, 0),
    name: "bzmpop",
    arity: -5,
    since: "7.0.0",
    summary: "Takes members from an end of the first sorted set that has any; waits for one.",
    complexity: SEVERAL_COST,
    execute: executeBzmpop,
    timeoutMs: (argv) => readTimeoutMs(argv, 1),
    replyTimeout: (reply) => reply.nilArray(),
  },
];
