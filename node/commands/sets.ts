/**
 * The set commands that work on one set, and SMOVE. What combines sets is in set-algebra.ts.
 * SADD, SREM and SISMEMBER work on the bytes where they lie: no strings, closures or objects are made.
 */

import { samplePositions } from "../datatypes/sampling.ts";
import { RedisSet } from "../datatypes/set.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isSameArgument, readClampedInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { executeElementScan } from "./element-scan.ts";
import { countRandom, readRandomCount, visitRandom } from "./random-elements.ts";
import { setAlgebraCommands } from "./set-algebra.ts";

const set = new RedisSet();
const destination = new RedisSet();

/** Opens the set of argument 1, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext): boolean {
  if (set.open(tx, argv, 1)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

function isMember({ argv }: DataContext, index: number): boolean {
  return set.has(argv.buf, argv.start(index), argv.end(index));
}

function replyElement({ reply }: DataContext): void {
  reply.bulk(set.element.buf, set.element.start, set.element.end);
}

function executeSadd(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  let added = 0;
  for (let i = 2; i < argv.count; i++) if (set.add(argv.buf, argv.start(i), argv.end(i))) added++;
  set.close();
  reply.integer(added);
}

function executeSrem(context: DataContext): void {
  if (!isOpened(context)) return;
  const { argv, reply } = context;
  let removed = 0;
  for (let i = 2; i < argv.count && set.exists(); i++) {
    if (set.remove(argv.buf, argv.start(i), argv.end(i))) removed++;
  }
  set.close();
  reply.integer(removed);
}

function executeSismember(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(isMember(context, 2) ? 1 : 0);
}

function executeSmismember(context: DataContext): void {
  if (!isOpened(context)) return;
  const count = context.argv.count;
  context.reply.array(count - 2);
  for (let i = 2; i < count; i++) context.reply.integer(isMember(context, i) ? 1 : 0);
}

function executeScard(context: DataContext): void {
  if (isOpened(context)) context.reply.integer(set.count());
}

function executeSmembers(context: DataContext): void {
  if (isOpened(context)) replyAll(context);
}

function replyAll(context: DataContext): void {
  context.reply.set(set.count());
  set.seek(0);
  while (set.next()) replyElement(context);
}

function executeSmove(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (!isOpened(context)) return;
  if (!set.exists()) {
    reply.integer(0);
    return;
  }
  if (isSameArgument(argv, 1, 2)) {
    reply.integer(isMember(context, 3) ? 1 : 0);
    return;
  }
  if (!destination.open(tx, argv, 2)) {
    reply.error(ERRORS.wrongType);
    return;
  }
  if (!set.remove(argv.buf, argv.start(3), argv.end(3))) {
    reply.integer(0);
    return;
  }
  destination.add(argv.buf, argv.start(3), argv.end(3));
  set.close();
  destination.close();
  reply.integer(1);
}

function executeSpop(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (argv.count > 3) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (argv.count === 3) {
    popSeveral(context);
    return;
  }
  if (!isOpened(context)) return;
  if (!set.exists()) {
    reply.nil();
    return;
  }
  const position = tx.random.nextBelow(set.count());
  set.seek(position);
  set.next();
  replyElement(context);
  set.removeAt(position);
  set.close();
}

function popSeveral(context: DataContext): void {
  const { argv, reply, tx } = context;
  const count = readClampedInteger(argv, 2);
  if (count === undefined || count < 0) {
    reply.error(ERRORS.notPositive);
    return;
  }
  if (!isOpened(context)) return;
  if (count >= set.count()) {
    replyAll(context);
    set.delete();
    return;
  }
  const positions = samplePositions(tx.random, count, set.count());
  reply.set(count);
  for (const position of positions) {
    set.seek(position);
    set.next();
    replyElement(context);
  }
  for (let i = count - 1; i >= 0; i--) set.removeAt(positions[i] as number);
  set.close();
}

function executeSrandmember(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (argv.count > 3) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (argv.count === 3) {
    replyRandomMembers(context);
    return;
  }
  if (!isOpened(context)) return;
  if (!set.exists()) {
    reply.nil();
    return;
  }
  set.seek(tx.random.nextBelow(set.count()));
  set.next();
  replyElement(context);
}

function replyRandomMembers(context: DataContext): void {
  const count = readRandomCount(context, false);
  if (count === undefined || !isOpened(context)) return;
  context.reply.array(countRandom(set, count));
  visitRandom(context, set, { count, visit: () => replyElement(context) });
}

function executeSscan(context: DataContext): void {
  executeElementScan(context, set);
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "set",
} as const;

export const setCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    flags: ["write", "denyoom", "fast"],
    name: "sadd",
    arity: -3,
    since: "1.0.0",
    summary: "Adds members to a set; answers how many are new.",
    complexity: "O(N) where N is the number of members given",
    execute: executeSadd,
  },
  {
    ...COMMON,
    flags: ["write", "fast"],
    name: "srem",
    arity: -3,
    since: "1.0.0",
    summary: "Removes members from a set; answers how many there were.",
    complexity: "O(N) where N is the number of members given",
    execute: executeSrem,
  },
  {
    ...COMMON,
    flags: ["readonly", "fast"],
    name: "sismember",
    arity: 3,
    since: "1.0.0",
    summary: "Tells whether a member is in a set.",
    complexity: "O(1)",
    execute: executeSismember,
  },
  {
    ...COMMON,
    flags: ["readonly", "fast"],
    name: "smismember",
    arity: -3,
    since: "6.2.0",
    summary: "Tells for each of several members whether it is in a set.",
    complexity: "O(N) where N is the number of members given",
    execute: executeSmismember,
  },
  {
    ...COMMON,
    flags: ["readonly", "fast"],
    name: "scard",
    arity: 2,
    since: "1.0.0",
    summary: "Counts the members of a set.",
    complexity: "O(1)",
    execute: executeScard,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "smembers",
    arity: 2,
    since: "1.0.0",
    summary: "Reads all members of a set.",
    complexity: "O(N) where N is the size of the set",
    execute: executeSmembers,
  },
  {
    ...COMMON,
    flags: ["write", "fast"],
    keys: { kind: "range", first: 1, last: 2, step: 1 },
    name: "smove",
    arity: 4,
    since: "1.0.0",
    summary: "Moves a member from one set to another.",
    complexity: "O(1)",
    execute: executeSmove,
  },
  {
    ...COMMON,
    flags: ["write", "random", "fast"],
    name: "spop",
    arity: -2,
    since: "1.0.0",
    summary: "Takes members out of a set at random.",
    complexity: "O(N) where N is the number of members taken",
    execute: executeSpop,
  },
  {
    ...COMMON,
    flags: ["readonly", "random"],
    name: "srandmember",
    arity: -2,
    since: "1.0.0",
    summary: "Picks members of a set at random.",
    complexity: "O(N) where N is the number of members picked",
    execute: executeSrandmember,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "sscan",
    arity: -3,
    since: "2.8.0",
    summary: "Walks over a set in steps, from cursor to cursor.",
    complexity: "O(1) a step, O(N) for the whole set",
    execute: executeSscan,
  },
  ...setAlgebraCommands,
];
