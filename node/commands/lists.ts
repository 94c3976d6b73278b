/** The list commands over one key. LMOVE and its kin, LMPOP and what blocks: list-moves.ts, list-pops.ts. */

import { List } from "../datatypes/list.ts";
import { ERRORS, wrongArityText } from "../resp/error-texts.ts";
import { isWord, optionWord, readClampedInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { listMoveCommands } from "./list-moves.ts";
import { listPopCommands } from "./list-pops.ts";
import { listPositionCommands } from "./list-positions.ts";
import { openList, popFirstElements, popLastElements, replyElement } from "./list-reply.ts";

const list = new List();
const ONE_KEY = { kind: "range", first: 1, last: 1, step: 1 } as const;
const COMMON = { scope: "data", keys: ONE_KEY, group: "list" } as const;
const BEFORE = optionWord("before");
const AFTER = optionWord("after");

type End = "left" | "right";

function executePush(context: DataContext, end: End, mustExist: boolean): void {
  const { argv, reply } = context;
  if (!openList(context, list, 1)) return;
  if (mustExist && !list.exists()) {
    reply.integer(0);
    return;
  }
  for (let i = 2; i < argv.count; i++) {
    list.insert(end === "left" ? 0 : list.count(), argv.buf, argv.start(i), argv.end(i));
  }
  list.close();
  reply.integer(list.count());
}

function executePop(context: DataContext, end: End): void {
  const { argv, reply } = context;
  if (argv.count > 3) {
    reply.error(wrongArityText(end === "left" ? "lpop" : "rpop"));
    return;
  }
  const hasCount = argv.count === 3;
  const wanted = hasCount ? readClampedInteger(argv, 2) : 1;
  if (wanted === undefined || wanted < 0) {
    reply.error(ERRORS.notPositive);
    return;
  }
  if (!openList(context, list, 1)) return;
  if (!list.exists()) {
    if (hasCount) reply.nilArray();
    else reply.nil();
    return;
  }
  const count = Math.min(wanted, list.count());
  if (hasCount) reply.array(count);
  if (end === "left") popFirstElements(reply, list, count);
  else popLastElements(reply, list, count);
}

function executeLength(context: DataContext): void {
  if (openList(context, list, 1)) context.reply.integer(list.count());
}

/** First and last position of a range as given, or undefined, with the error replied, where they are no integers. */
function readRange({ argv, reply }: DataContext): { first: number; last: number } | undefined {
  const first = readClampedInteger(argv, 2);
  const last = readClampedInteger(argv, 3);
  if (first !== undefined && last !== undefined) return { first, last };
  reply.error(ERRORS.notInteger);
  return undefined;
}

/** The part [from, to) of `count` elements that a range means; empty: from is not below to. */
function resolveRange(range: { first: number; last: number }, count: number): { from: number; to: number } {
  const from = Math.max(0, range.first < 0 ? count + range.first : range.first);
  const to = Math.min(count, (range.last < 0 ? count + range.last : range.last) + 1);
  return { from, to };
}

function executeRange(context: DataContext): void {
  const { reply } = context;
  const range = readRange(context);
  if (range === undefined || !openList(context, list, 1)) return;
  const { from, to } = resolveRange(range, list.count());
  if (from >= to) {
    reply.array(0);
    return;
  }
  reply.array(to - from);
  list.visitForward(from, (position) => {
    replyElement(reply, list);
    return position + 1 < to;
  });
}

function executeTrim(context: DataContext): void {
  const range = readRange(context);
  if (range === undefined || !openList(context, list, 1)) return;
  const count = list.count();
  const { from, to } = resolveRange(range, count);
  if (from >= to) list.removeRange(0, count);
  else {
    list.removeRange(to, count);
    list.removeRange(0, from);
  }
  list.close();
  context.reply.ok();
}

function executeIndex(context: DataContext): void {
  const { argv, reply } = context;
  if (!openList(context, list, 1)) return;
  if (!list.exists()) {
    reply.nil();
    return;
  }
  const index = readClampedInteger(argv, 2);
  if (index === undefined) {
    reply.error(ERRORS.notInteger);
    return;
  }
  const position = index < 0 ? list.count() + index : index;
  if (position < 0 || position >= list.count()) {
    reply.nil();
    return;
  }
  list.get(position);
  replyElement(reply, list);
}

function executeSet(context: DataContext): void {
  const { argv, reply } = context;
  if (!openList(context, list, 1)) return;
  if (!list.exists()) {
    reply.error(ERRORS.noSuchKey);
    return;
  }
  const index = readClampedInteger(argv, 2);
  if (index === undefined) {
    reply.error(ERRORS.notInteger);
    return;
  }
  const position = index < 0 ? list.count() + index : index;
  if (position < 0 || position >= list.count()) {
    reply.error(ERRORS.indexOutOfRange);
    return;
  }
  list.set(position, argv.buf, argv.start(3), argv.end(3));
  list.close();
  reply.ok();
}

function executeInsert(context: DataContext): void {
  const { argv, reply } = context;
  const isBefore = isWord(argv, 2, BEFORE);
  if (!isBefore && !isWord(argv, 2, AFTER)) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (!openList(context, list, 1)) return;
  if (!list.exists()) {
    reply.integer(0);
    return;
  }
  const pivot = { buf: argv.buf, start: argv.start(3), end: argv.end(3) };
  let found = -1;
  list.visitForward(0, (position) => {
    if (list.isEqual(pivot)) found = position;
    return found < 0;
  });
  if (found < 0) {
    reply.integer(-1);
    return;
  }
  list.insert(isBefore ? found : found + 1, argv.buf, argv.start(4), argv.end(4));
  list.close();
  reply.integer(list.count());
}

function executeRemove(context: DataContext): void {
  const { argv, reply } = context;
  const count = readClampedInteger(argv, 2);
  if (count === undefined) {
    reply.error(ERRORS.notInteger);
    return;
  }
  if (!openList(context, list, 1)) return;
  const wanted = { buf: argv.buf, start: argv.start(3), end: argv.end(3) };
  const limit = count === 0 ? list.count() : Math.abs(count);
  const removed = list.exists() ? list.removeEqual(wanted, limit, count < 0) : 0;
  list.close();
  reply.integer(removed);
}

const pushCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "lpush",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    since: "1.0.0",
    summary: "Puts elements at the head of a list; creates the key if it does not exist.",
    complexity: "O(log N) for each element",
    execute: (context) => executePush(context, "left", false),
  },
  {
    ...COMMON,
    name: "rpush",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    since: "1.0.0",
    summary: "Puts elements at the tail of a list; creates the key if it does not exist.",
    complexity: "O(log N) for each element",
    execute: (context) => executePush(context, "right", false),
  },
  {
    ...COMMON,
    name: "lpushx",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    since: "2.2.0",
    summary: "Puts elements at the head of a list only where the list exists.",
    complexity: "O(log N) for each element",
    execute: (context) => executePush(context, "left", true),
  },
  {
    ...COMMON,
    name: "rpushx",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    since: "2.2.0",
    summary: "Puts elements at the tail of a list only where the list exists.",
    complexity: "O(log N) for each element",
    execute: (context) => executePush(context, "right", true),
  },
  {
    ...COMMON,
    name: "lpop",
    arity: -2,
    flags: ["write", "fast"],
    since: "1.0.0",
    summary: "Removes and returns elements from the head of a list.",
    complexity: "O(M + log N) where M is the number of elements returned",
    execute: (context) => executePop(context, "left"),
  },
  {
    ...COMMON,
    name: "rpop",
    arity: -2,
    flags: ["write", "fast"],
    since: "1.0.0",
    summary: "Removes and returns elements from the tail of a list.",
    complexity: "O(M + log N) where M is the number of elements returned",
    execute: (context) => executePop(context, "right"),
  },
];

const elementCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    name: "llen",
    arity: 2,
    flags: ["readonly", "fast"],
    since: "1.0.0",
    summary: "Returns the length of a list.",
    complexity: "O(1)",
    execute: executeLength,
  },
  {
    ...COMMON,
    name: "lrange",
    arity: 4,
    flags: ["readonly"],
    since: "1.0.0",
    summary: "Returns a range of elements of a list.",
    complexity: "O(log N + M) where M is the number of elements returned",
    execute: executeRange,
  },
  {
    ...COMMON,
    name: "ltrim",
    arity: 4,
    flags: ["write"],
    since: "1.0.0",
    summary: "Removes all elements but those of a range.",
    complexity: "O(log N) and the number of pages removed",
    execute: executeTrim,
  },
  {
    ...COMMON,
    name: "lindex",
    arity: 3,
    flags: ["readonly"],
    since: "1.0.0",
    summary: "Returns the element at an index of a list.",
    complexity: "O(log N)",
    execute: executeIndex,
  },
  {
    ...COMMON,
    name: "lset",
    arity: 4,
    flags: ["write", "denyoom"],
    since: "1.0.0",
    summary: "Sets the element at an index of a list.",
    complexity: "O(log N)",
    execute: executeSet,
  },
  {
    ...COMMON,
    name: "linsert",
    arity: 5,
    flags: ["write", "denyoom"],
    since: "2.2.0",
    summary: "Puts an element before or after another element of a list.",
    complexity: "O(N) where N is the number of elements up to the other one",
    execute: executeInsert,
  },
  {
    ...COMMON,
    name: "lrem",
    arity: 4,
    flags: ["write"],
    since: "1.0.0",
    summary: "Removes elements of a list that are equal to a value.",
    complexity: "O(N + M log N) where M is the number of elements removed",
    execute: executeRemove,
  },
];

/** The family of lists. */
export const listCommands: readonly DataCommand[] = [
  ...pushCommands,
  ...elementCommands,
  ...listPositionCommands,
  ...listMoveCommands,
  ...listPopCommands,
];
