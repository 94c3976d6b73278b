/**
 * SINTER, SUNION, SDIFF, their STORE forms and SINTERCARD. Members come in the order of (hash, member), one at a
 * time, so that results of any size are replied or stored without being gathered first.
 */

import {
  DifferenceMerge,
  IntersectionMerge,
  type MemberMerge,
  type MergeSource,
  orderBySize,
  UnionMerge,
} from "../datatypes/member-merge.ts";
import { MemberStream } from "../datatypes/member-stream.ts";
import { RedisSet } from "../datatypes/set.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord, readClampedInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { numberedKeys } from "./numbered-keys.ts";

type Operation = "intersection" | "union" | "difference";

const result = new RedisSet();
const LIMIT = optionWord("limit");

/** Opens the sets of arguments [from, to); undefined after replying WRONGTYPE. */
function openSets({ argv, reply, tx }: DataContext, from: number, to: number): MergeSource[] | undefined {
  const sources: MergeSource[] = [];
  for (let i = from; i < to; i++) {
    const stream = MemberStream.ofSet(tx, argv, i);
    if (stream === undefined) {
      reply.error(ERRORS.wrongType);
      return undefined;
    }
    sources.push({ stream, weight: 1 });
  }
  return sources;
}

function merge(operation: Operation, sources: readonly MergeSource[]): MemberMerge {
  if (operation === "union") return new UnionMerge(sources, "max");
  if (operation === "difference") return new DifferenceMerge(sources);
  return new IntersectionMerge(orderBySize(sources), "max");
}

function replyMerged(context: DataContext, operation: Operation): void {
  const { argv, reply } = context;
  const sources = openSets(context, 1, argv.count);
  if (sources === undefined) return;
  const members = merge(operation, sources);
  const mark = reply.mark();
  let count = 0;
  for (; members.next(); count++) reply.bulk(members.element.buf, members.element.start, members.element.end);
  const from = reply.mark();
  reply.set(count);
  reply.putBefore(mark, from);
}

function storeMerged(context: DataContext, operation: Operation): void {
  const { argv, reply, tx } = context;
  const sources = openSets(context, 2, argv.count);
  if (sources === undefined) return;
  const members = merge(operation, sources);
  result.openEmpty(tx, argv, 1);
  while (members.next()) result.append(members.element.buf, members.element.start, members.element.end);
  result.closeReplacing();
  reply.integer(result.count());
}

function executeSintercard(context: DataContext): void {
  const { argv, reply } = context;
  const keyCount = readClampedInteger(argv, 1);
  if (keyCount === undefined || keyCount < 1) {
    reply.error(ERRORS.numkeysNotPositive);
    return;
  }
  if (keyCount > argv.count - 2) {
    reply.error(ERRORS.numkeysTooMany);
    return;
  }
  let limit = 0;
  for (let i = 2 + keyCount; i < argv.count; i += 2) {
    if (!isWord(argv, i, LIMIT) || i + 1 === argv.count) {
      reply.error(ERRORS.syntax);
      return;
    }
    const value = readClampedInteger(argv, i + 1);
    if (value === undefined || value < 0) {
      reply.error(ERRORS.limitNegative);
      return;
    }
    limit = value;
  }
  const sources = openSets(context, 2, 2 + keyCount);
  if (sources === undefined) return;
  const members = merge("intersection", sources);
  let count = 0;
  while ((limit === 0 || count < limit) && members.next()) count++;
  reply.integer(count);
}

const COMMON = { scope: "data", group: "set" } as const;
const READ = {
  ...COMMON,
  flags: ["readonly"],
  keys: { kind: "range", first: 1, last: -1, step: 1 },
  arity: -2,
  since: "1.0.0",
} as const;
const STORE = { ...READ, flags: ["write", "denyoom"], arity: -3 } as const;

export const setAlgebraCommands: readonly DataCommand[] = [
  {
    ...READ,
    name: "sinter",
    summary: "Reads what several sets have in common.",
    complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
    execute: (context) => replyMerged(context, "intersection"),
  },
  {
    ...READ,
    name: "sunion",
    summary: "Reads all that several sets have.",
    complexity: "O(N) where N is the number of members of all sets",
    execute: (context) => replyMerged(context, "union"),
  },
  {
    ...READ,
    name: "sdiff",
    summary: "Reads what the first set has and the others do not.",
    complexity: "O(N*M) where N is the size of the first set and M the number of sets",
    execute: (context) => replyMerged(context, "difference"),
  },
  {
    ...STORE,
    name: "sinterstore",
    summary: "Stores what several sets have in common.",
    complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
    execute: (context) => storeMerged(context, "intersection"),
  },
  {
    ...STORE,
    name: "sunionstore",
    summary: "Stores all that several sets have.",
    complexity: "O(N) where N is the number of members of all sets",
    execute: (context) => storeMerged(context, "union"),
  },
  {
    ...STORE,
    name: "sdiffstore",
    summary: "Stores what the first set has and the others do not.",
    complexity: "O(N*M) where N is the size of the first set and M the number of sets",
    execute: (context) => storeMerged(context, "difference"),
  },
  {
    ...COMMON,
    flags: ["readonly", "movablekeys"],
    keys: numberedKeys(1, 0),
    name: "sintercard",
    arity: -3,
    since: "7.0.0",
    summary: "Counts what several sets have in common, up to a limit.",
    complexity: "O(N*M) where N is the size of the smallest set and M the number of sets",
    execute: executeSintercard,
  },
];
