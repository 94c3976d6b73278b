/**
 * LMOVE, RPOPLPUSH and their blocking forms: an element goes from an end of one list to an end of another, or of the
 * same. Both lists are checked before anything changes.
 */

import { List } from "../datatypes/list.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { isSameArgument, isWord, optionWord } from "./argument-reader.ts";
import { readTimeoutMs } from "./blocking-timeout.ts";
import { BLOCK, type DataCommand, type DataContext } from "./command.ts";
import { openList } from "./list-reply.ts";

const source = new List();
const target = new List();
const LEFT = optionWord("left");
const RIGHT = optionWord("right");

interface Ends {
  readonly isFromLeft: boolean;
  readonly isToLeft: boolean;
}

const RIGHT_TO_LEFT: Ends = { isFromLeft: false, isToLeft: true };

/** Reads LEFT or RIGHT twice, from argument 3 on; undefined where it is something else. */
function readEnds({ argv }: DataContext): Ends | undefined {
  const isFromLeft = isWord(argv, 3, LEFT);
  const isToLeft = isWord(argv, 4, LEFT);
  if (!isFromLeft && !isWord(argv, 3, RIGHT)) return undefined;
  if (!isToLeft && !isWord(argv, 4, RIGHT)) return undefined;
  return { isFromLeft, isToLeft };
}

/** Moves an element of argument 1 to argument 2 and replies with it. False, with no reply, where there is none. */
function move(context: DataContext, ends: Ends): boolean {
  const { argv, reply } = context;
  if (!openList(context, source, 1)) return true;
  if (!source.exists()) return false;
  const isSame = isSameArgument(argv, 1, 2);
  if (!isSame && !openList(context, target, 2)) return true;
  const total = source.count();
  const from = ends.isFromLeft ? 0 : total - 1;
  source.get(from);
  const { buf, start, end } = source.element;
  const moved = Buffer.from(buf.subarray(start, end));
  reply.bulk(moved);
  if (!isSame) {
    source.removeRange(from, from + 1);
    target.insert(ends.isToLeft ? 0 : target.count(), moved, 0, moved.length);
    target.close();
    source.close();
  } else if (total > 1 && ends.isFromLeft !== ends.isToLeft) {
    source.removeRange(from, from + 1);
    source.insert(ends.isToLeft ? 0 : total - 1, moved, 0, moved.length);
    source.close();
  }
  return true;
}

function executeMove(context: DataContext, ends: Ends | undefined): void {
  if (ends === undefined) context.reply.error(ERRORS.syntax);
  else if (!move(context, ends)) context.reply.nil();
}

function executeBlockingMove(context: DataContext, ends: Ends | undefined): typeof BLOCK | undefined {
  const { argv, reply } = context;
  const timeoutMs = readTimeoutMs(argv, argv.count - 1);
  const error = ends === undefined ? ERRORS.syntax : timeoutMs;
  if (typeof error === "string") reply.error(error);
  else if (ends !== undefined && !move(context, ends)) return BLOCK;
  return undefined;
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 2, step: 1 },
  group: "list",
  complexity: "O(log N)",
} as const;

const BLOCKING = {
  flags: ["write", "denyoom", "blocking"],
  replyTimeout: (reply: ReplyWriter) => reply.nilArray(),
} as const;

export const listMoveCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "lmove",
    arity: 5,
    flags: ["write", "denyoom"],
    since: "6.2.0",
    summary: "Takes an element from an end of a list, puts it at an end of another list, and returns it.",
    execute: (context) => executeMove(context, readEnds(context)),
  },
  {
    ...COMMON,
    name: "rpoplpush",
    arity: 3,
    flags: ["write", "denyoom"],
    since: "1.2.0",
    summary: "Takes an element from the tail of a list, puts it at the head of another list, and returns it.",
    execute: (context) => executeMove(context, RIGHT_TO_LEFT),
  },
  {
    ...COMMON,
    ...BLOCKING,
    name: "blmove",
    arity: 6,
    since: "6.2.0",
    summary: "LMOVE that waits for an element of the source list.",
    execute: (context) => executeBlockingMove(context, readEnds(context)),
    timeoutMs: (argv) => readTimeoutMs(argv, 5),
  },
  {
    ...COMMON,
    ...BLOCKING,
    name: "brpoplpush",
    arity: 4,
    since: "2.2.0",
    summary: "RPOPLPUSH that waits for an element of the source list.",
    execute: (context) => executeBlockingMove(context, RIGHT_TO_LEFT),
    timeoutMs: (argv) => readTimeoutMs(argv, 3),
  },
];
