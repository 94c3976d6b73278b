/**
 * LMPOP, and the pops that wait: BLPOP, BRPOP, BLMPOP. A blocking command that finds nothing answers BLOCK; who runs
 * it waits and runs it again, or replies the time-out. A key of another type does not keep a blocking pop from a list
 * further on that has elements: a waiting client is served that way, and the log entry replays the same arguments.
 */

import type { Argv } from "../base/argv.ts";
import { List } from "../datatypes/list.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { isWord, optionWord, readClampedInteger } from "./argument-reader.ts";
import { readTimeoutMs } from "./blocking-timeout.ts";
import { BLOCK, type DataCommand, type DataContext } from "./command.ts";
import { popFirstElements, popLastElements } from "./list-reply.ts";
import { numberedKeys } from "./numbered-keys.ts";

const list = new List();
const LEFT = optionWord("left");
const RIGHT = optionWord("right");
const COUNT = optionWord("count");

interface PopRequest {
  readonly firstKey: number;
  readonly keyCount: number;
  readonly isLeft: boolean;
  /** At most so many elements, in an array; 0: one, as it is. */
  readonly count: number;
}

/** Reads `numkeys key [key …] LEFT|RIGHT [COUNT count]` from argument `from` on; a text is the error. */
function readRequest(argv: Argv, from: number): PopRequest | string {
  const keyCount = readClampedInteger(argv, from);
  if (keyCount === undefined || keyCount < 1) return ERRORS.numkeysNotPositive;
  const where = from + 1 + keyCount;
  if (where >= argv.count) return ERRORS.syntax;
  const isLeft = isWord(argv, where, LEFT);
  if (!isLeft && !isWord(argv, where, RIGHT)) return ERRORS.syntax;
  const firstKey = from + 1;
  if (argv.count === where + 1) return { firstKey, keyCount, isLeft, count: 1 };
  if (argv.count === where + 2 || !isWord(argv, where + 1, COUNT)) return ERRORS.syntax;
  const count = readClampedInteger(argv, where + 2);
  if (count === undefined || count < 1) return ERRORS.countNotPositive;
  return argv.count > where + 3 ? ERRORS.syntax : { firstKey, keyCount, isLeft, count };
}

/** Pops from the first list that has elements. "nothing", and no reply, where none has; an error counts as a reply. */
function popFirst(context: DataContext, request: PopRequest, isStrict: boolean): "replied" | "nothing" {
  const { argv, reply, tx } = context;
  let isOtherType = false;
  for (let i = request.firstKey; i < request.firstKey + request.keyCount; i++) {
    if (!list.open(tx, argv, i)) {
      isOtherType = true;
      if (isStrict) break;
      continue;
    }
    if (!list.exists()) continue;
    const count = Math.min(Math.max(1, request.count), list.count());
    reply.array(2);
    reply.bulk(argv.buf, argv.start(i), argv.end(i));
    if (request.count > 0) reply.array(count);
    if (request.isLeft) popFirstElements(reply, list, count);
    else popLastElements(reply, list, count);
    return "replied";
  }
  if (!isOtherType) return "nothing";
  reply.error(ERRORS.wrongType);
  return "replied";
}

function executePopSeveral(context: DataContext): void {
  const request = readRequest(context.argv, 1);
  if (typeof request === "string") context.reply.error(request);
  else if (popFirst(context, request, true) === "nothing") context.reply.nilArray();
}

/** Runs a blocking pop whose timeout is argument `timeout`. */
function executeBlocking(
  context: DataContext,
  timeout: number,
  request: PopRequest | string,
): typeof BLOCK | undefined {
  const timeoutMs = readTimeoutMs(context.argv, timeout);
  if (typeof request === "string") context.reply.error(request);
  else if (typeof timeoutMs === "string") context.reply.error(timeoutMs);
  else if (popFirst(context, request, false) === "nothing") return BLOCK;
  return undefined;
}

function executeBlockingPop(context: DataContext, isLeft: boolean): typeof BLOCK | undefined {
  const timeout = context.argv.count - 1;
  return executeBlocking(context, timeout, { firstKey: 1, keyCount: timeout - 1, isLeft, count: 0 });
}

const COMMON = { scope: "data", group: "list" } as const;
const replyTimeout = (reply: ReplyWriter): void => reply.nilArray();

export const listPopCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "lmpop",
    arity: -4,
    flags: ["write", "movablekeys"],
    keys: numberedKeys(1, 0),
    since: "7.0.0",
    summary: "Removes and returns elements from an end of the first list that has any.",
    complexity: "O(M + log N) where M is the number of elements returned",
    execute: executePopSeveral,
  },
  {
    ...COMMON,
    name: "blpop",
    arity: -3,
    flags: ["write", "blocking"],
    keys: { kind: "range", first: 1, last: -2, step: 1 },
    since: "2.0.0",
    summary: "Removes and returns the first element of the first list that has one, or waits for one.",
    complexity: "O(K + log N) where K is the number of keys",
    execute: (context) => executeBlockingPop(context, true),
    timeoutMs: (argv) => readTimeoutMs(argv, argv.count - 1),
    replyTimeout,
  },
  {
    ...COMMON,
    name: "brpop",
    arity: -3,
    flags: ["write", "blocking"],
    keys: { kind: "range", first: 1, last: -2, step: 1 },
    since: "2.0.0",
    summary: "Removes and returns the last element of the first list that has one, or waits for one.",
    complexity: "O(K + log N) where K is the number of keys",
    execute: (context) => executeBlockingPop(context, false),
    timeoutMs: (argv) => readTimeoutMs(argv, argv.count - 1),
    replyTimeout,
  },
  {
    ...COMMON,
    name: "blmpop",
    arity: -5,
    flags: ["write", "blocking", "movablekeys"],
    keys: numberedKeys(2, 0),
    since: "7.0.0",
    summary: "LMPOP that waits for an element of one of the lists.",
    complexity: "O(M + log N) where M is the number of elements returned",
    execute: (context) => executeBlocking(context, 1, readRequest(context.argv, 2)),
    timeoutMs: (argv) => {
      const request = readRequest(argv, 2);
      return typeof request === "string" ? request : readTimeoutMs(argv, 1);
    },
    replyTimeout,
  },
];
