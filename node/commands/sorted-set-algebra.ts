/**
 * ZUNION, ZINTER, ZDIFF, their STORE forms and ZINTERCARD, over sorted sets and sets (whose scores are 1).
 * Members are merged in the order of (hash, member); replies and results want them by score, so they are gathered
 * once, packed, and sorted.
 */

import {
  type Aggregate,
  DifferenceMerge,
  IntersectionMerge,
  type MemberMerge,
  type MergeSource,
  orderBySize,
  UnionMerge,
} from "../datatypes/member-merge.ts";
import { MemberStream } from "../datatypes/member-stream.ts";
import { ScoredMembers } from "../datatypes/scored-members.ts";
import { Zset } from "../datatypes/zset.ts";
import { ERRORS, noInputKeyText } from "../resp/error-texts.ts";
import { isWord, optionWord, readClampedInteger, readDouble } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { numberedKeys } from "./numbered-keys.ts";

type Operation = "union" | "intersection" | "difference";
type Purpose = "reply" | "store" | "count";

interface Form {
  /** The command's name, for errors. */
  readonly name: string;
  readonly operation: Operation;
  readonly purpose: Purpose;
}

interface Request {
  readonly sources: readonly MergeSource[];
  readonly aggregate: Aggregate;
  readonly hasScores: boolean;
  /** 0 for none. */
  readonly limit: number;
}

const result = new Zset();
const WEIGHTS = optionWord("weights");
const AGGREGATE = optionWord("aggregate");
const WITHSCORES = optionWord("withscores");
const LIMIT = optionWord("limit");
const AGGREGATES = (["sum", "min", "max"] as const).map((name) => ({ name, word: optionWord(name) }));

/** Reads all arguments and opens the sources; the error to reply where something is wrong. */
function readRequest({ argv, tx }: DataContext, form: Form): Request | string {
  const countIndex = form.purpose === "store" ? 2 : 1;
  const keyCount = readClampedInteger(argv, countIndex);
  if (keyCount === undefined) return ERRORS.notInteger;
  if (keyCount < 1) return noInputKeyText(form.name);
  if (keyCount > argv.count - countIndex - 1) return ERRORS.syntax;
  const streams: MemberStream[] = [];
  const behindKeys = countIndex + 1 + keyCount;
  for (let i = countIndex + 1; i < behindKeys; i++) {
    const stream = MemberStream.ofScored(tx, argv, i);
    if (stream === undefined) return ERRORS.wrongType;
    streams.push(stream);
  }
  return readOptions({ argv }, form, { streams, from: behindKeys });
}

function readOptions(
  { argv }: Pick<DataContext, "argv">,
  form: Form,
  { streams, from }: { streams: readonly MemberStream[]; from: number },
): Request | string {
  const isWeighted = form.operation !== "difference" && form.purpose !== "count";
  let sources: MergeSource[] = streams.map((stream) => ({ stream, weight: 1 }));
  let aggregate: Aggregate = "sum";
  let hasScores = false;
  let limit = 0;
  for (let i = from; i < argv.count; ) {
    const rest = argv.count - i;
    if (isWeighted && rest > streams.length && isWord(argv, i, WEIGHTS)) {
      const weights = streams.map((_, k) => readDouble(argv, i + 1 + k));
      if (weights.includes(undefined)) return ERRORS.weightNotFloat;
      sources = streams.map((stream, k) => ({ stream, weight: weights[k] as number }));
      i += 1 + streams.length;
    } else if (isWeighted && rest >= 2 && isWord(argv, i, AGGREGATE)) {
      const wanted = AGGREGATES.find(({ word }) => isWord(argv, i + 1, word));
      if (wanted === undefined) return ERRORS.syntax;
      aggregate = wanted.name;
      i += 2;
    } else if (form.purpose === "reply" && isWord(argv, i, WITHSCORES)) {
      hasScores = true;
      i++;
    } else if (form.purpose === "count" && rest >= 2 && isWord(argv, i, LIMIT)) {
      const value = readClampedInteger(argv, i + 1);
      if (value === undefined || value < 0) return ERRORS.limitNegative;
      limit = value;
      i += 2;
    } else return ERRORS.syntax;
  }
  return { sources, aggregate, hasScores, limit };
}

function merge(operation: Operation, { sources, aggregate }: Request): MemberMerge {
  if (operation === "difference") return new DifferenceMerge(sources);
  if (operation === "union") return new UnionMerge(orderBySize(sources), aggregate);
  return new IntersectionMerge(orderBySize(sources), aggregate);
}

function gather(members: MemberMerge): ScoredMembers {
  const gathered = new ScoredMembers();
  while (members.next()) {
    gathered.add(members.element.buf, members.element.start, members.element.end, members.score);
  }
  return gathered;
}

function execute(context: DataContext, form: Form): void {
  const request = readRequest(context, form);
  if (typeof request === "string") {
    context.reply.error(request);
    return;
  }
  const members = merge(form.operation, request);
  if (form.purpose === "count") replyCount(context, members, request.limit);
  else if (form.purpose === "store") store(context, gather(members));
  else replyMembers(context, gather(members), request.hasScores);
}

function replyCount({ reply }: DataContext, members: MemberMerge, limit: number): void {
  let count = 0;
  while ((limit === 0 || count < limit) && members.next()) count++;
  reply.integer(count);
}

function store({ argv, reply, tx }: DataContext, members: ScoredMembers): void {
  result.openEmpty(tx, argv, 1);
  if (members.count > 0) result.fill(members);
  result.closeReplacing();
  reply.integer(members.count);
}

function replyMembers({ reply }: DataContext, members: ScoredMembers, hasScores: boolean): void {
  const isPaired = hasScores && reply.protocol === 3;
  reply.array(hasScores && !isPaired ? 2 * members.count : members.count);
  for (const index of members.orderByScore()) {
    members.stand(index);
    if (isPaired) reply.array(2);
    reply.bulk(members.element.buf, members.element.start, members.element.end);
    if (hasScores) reply.double(members.score);
  }
}

const UNION_COST = "O(N*log(N)) where N is the number of members of all sets";
const OTHER_COST = "O(N*M+R*log(R)) where N is the size of the smallest or first set, M of sets and R of the result";
const READ = {
  scope: "data",
  group: "sorted-set",
  flags: ["readonly", "movablekeys"],
  keys: numberedKeys(1, 0),
  arity: -3,
} as const;
const STORE = {
  ...READ,
  flags: ["write", "denyoom", "movablekeys"],
  keys: numberedKeys(2, 1),
  arity: -4,
  since: "2.0.0",
} as const;

export const sortedSetAlgebraCommands: readonly DataCommand[] = [
  {
    ...READ,
    name: "zunion",
    since: "6.2.0",
    summary: "Reads all that several sorted sets have, with combined scores.",
    complexity: UNION_COST,
    execute: (context) => execute(context, { name: "zunion", operation: "union", purpose: "reply" }),
  },
  {
    ...READ,
    name: "zinter",
    since: "6.2.0",
    summary: "Reads what several sorted sets have in common, with combined scores.",
    complexity: OTHER_COST,
    execute: (context) => execute(context, { name: "zinter", operation: "intersection", purpose: "reply" }),
  },
  {
    ...READ,
    name: "zdiff",
    since: "6.2.0",
    summary: "Reads what the first sorted set has and the others do not.",
    complexity: OTHER_COST,
    execute: (context) => execute(context, { name: "zdiff", operation: "difference", purpose: "reply" }),
  },
  {
    ...STORE,
    name: "zunionstore",
    summary: "Stores all that several sorted sets have, with combined scores.",
    complexity: UNION_COST,
    execute: (context) => execute(context, { name: "zunionstore", operation: "union", purpose: "store" }),
  },
  {
    ...STORE,
    name: "zinterstore",
    summary: "Stores what several sorted sets have in common, with combined scores.",
    complexity: OTHER_COST,
    execute: (context) => execute(context, { name: "zinterstore", operation: "intersection", purpose: "store" }),
  },
  {
    ...STORE,
    name: "zdiffstore",
    since: "6.2.0",
    summary: "Stores what the first sorted set has and the others do not.",
    complexity: OTHER_COST,
    execute: (context) => execute(context, { name: "zdiffstore", operation: "difference", purpose: "store" }),
  },
  {
    ...READ,
    name: "zintercard",
    since: "7.0.0",
    summary: "Counts what several sorted sets have in common, up to a limit.",
    complexity: OTHER_COST,
    execute: (context) => execute(context, { name: "zintercard", operation: "intersection", purpose: "count" }),
  },
];
