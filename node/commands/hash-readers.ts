/** The hash commands that visit a whole hash or pick from it: HGETALL, HKEYS, HVALS, HRANDFIELD, HSCAN. */

import { Hash } from "../datatypes/hash.ts";
import { ERRORS } from "../resp/error-texts.ts";
import type { ReplyWriter } from "../resp/reply.ts";
import { isWord, optionWord } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { executeElementScan } from "./element-scan.ts";
import { countRandom, readRandomCount, visitRandom } from "./random-elements.ts";

const hash = new Hash();
const WITHVALUES = optionWord("withvalues");

/** Opens the hash of argument 1, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext): boolean {
  if (hash.open(tx, argv, 1)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

function replyName(reply: ReplyWriter): void {
  reply.bulk(hash.element.buf, hash.element.start, hash.element.end);
}

function replyValue(reply: ReplyWriter): void {
  reply.bulk(hash.value.buf, hash.value.start, hash.value.end);
}

function executeHgetall(context: DataContext): void {
  if (!isOpened(context)) return;
  const { reply } = context;
  reply.map(hash.count());
  hash.seek(0);
  while (hash.next()) {
    replyName(reply);
    replyValue(reply);
  }
}

function executeHkeys(context: DataContext): void {
  if (!isOpened(context)) return;
  context.reply.array(hash.count());
  hash.seek(0);
  while (hash.next()) replyName(context.reply);
}

function executeHvals(context: DataContext): void {
  if (!isOpened(context)) return;
  context.reply.array(hash.count());
  hash.seek(0);
  while (hash.next()) replyValue(context.reply);
}

function executeHrandfield(context: DataContext): void {
  const { argv, reply, tx } = context;
  if (argv.count > 2) {
    replyRandomFields(context);
    return;
  }
  if (!isOpened(context)) return;
  if (!hash.exists()) {
    reply.nil();
    return;
  }
  hash.seek(tx.random.nextBelow(hash.count()));
  hash.next();
  replyName(reply);
}

function replyRandomFields(context: DataContext): void {
  const { argv, reply } = context;
  const isSyntaxRight = argv.count === 3 || (argv.count === 4 && isWord(argv, 3, WITHVALUES));
  const hasValues = argv.count === 4;
  const count = readRandomCount(context, hasValues && isSyntaxRight);
  if (count === undefined) return;
  if (!isSyntaxRight) {
    reply.error(ERRORS.syntax);
    return;
  }
  if (!isOpened(context)) return;
  const isPaired = hasValues && reply.protocol === 3;
  const replies = countRandom(hash, count);
  reply.array(hasValues && !isPaired ? 2 * replies : replies);
  const visit = () => {
    if (isPaired) reply.array(2);
    replyName(reply);
    if (hasValues) replyValue(reply);
  };
  visitRandom(context, hash, { count, visit });
}

function executeHscan(context: DataContext): void {
  executeElementScan(context, hash, replyValue);
}

const COMMON = {
  scope: "data",
  keys: { kind: "range", first: 1, last: 1, step: 1 },
  group: "hash",
} as const;

export const hashReaderCommands: readonly DataCommand[] = [
  {
    ...COMMON,
    flags: ["readonly"],
    name: "hgetall",
    arity: 2,
    since: "2.0.0",
    summary: "Reads all fields and values of a hash.",
    complexity: "O(N) where N is the size of the hash",
    execute: executeHgetall,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "hkeys",
    arity: 2,
    since: "2.0.0",
    summary: "Reads all fields of a hash.",
    complexity: "O(N) where N is the size of the hash",
    execute: executeHkeys,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "hvals",
    arity: 2,
    since: "2.0.0",
    summary: "Reads all values of a hash.",
    complexity: "O(N) where N is the size of the hash",
    execute: executeHvals,
  },
  {
    ...COMMON,
    flags: ["readonly", "random"],
    name: "hrandfield",
    arity: -2,
    since: "6.2.0",
    summary: "Picks fields at random.",
    complexity: "O(N) where N is the number of fields picked",
    execute: executeHrandfield,
  },
  {
    ...COMMON,
    flags: ["readonly"],
    name: "hscan",
    arity: -3,
    since: "2.8.0",
    summary: "Walks over a hash in steps, from cursor to cursor.",
    complexity: "O(1) a step, O(N) for the whole hash",
    execute: executeHscan,
  },
];
