/**
 * The commands over ranges of a sorted set: ZRANGE in all its forms and older names, ZRANGESTORE, ZCOUNT, ZLEXCOUNT
 * and ZREMRANGEBY…. Each range is found as positions first (O(log n)), then counted, read or removed.
 */

import type { Argv } from "../base/argv.ts";
import { ScoredMembers } from "../datatypes/scored-members.ts";
import { Zset } from "../datatypes/zset.ts";
import {
  findIndexRange,
  findNameRange,
  findScoreRange,
  type NameBound,
  type PositionRange,
  parseNameBound,
  parseScoreBound,
  type ScoreBound,
} from "../datatypes/zset-bounds.ts";
import { ERRORS } from "../resp/error-texts.ts";
import { isWord, optionWord, parseDouble, readClampedInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { type RangeForm, type RangeKind, sortedSetRangeSpecs } from "./sorted-set-range-specs.ts";

const zset = new Zset();
const result = new Zset();
const WITHSCORES = optionWord("withscores");
const LIMIT = optionWord("limit");
const REV = optionWord("rev");
const BYSCORE = optionWord("byscore");
const BYLEX = optionWord("bylex");

interface RangeRequest {
  readonly by: RangeKind;
  readonly isReverse: boolean;
  readonly hasScores: boolean;
  readonly offset: number;
  /** -1 for all. */
  readonly limit: number;
}

/** A range that is understood but not looked up: its bounds, already in the order low, high. */
type Bounds =
  | { readonly by: "index"; readonly first: number; readonly last: number }
  | { readonly by: "score"; readonly min: ScoreBound; readonly max: ScoreBound }
  | { readonly by: "name"; readonly min: NameBound; readonly max: NameBound };

/** Opens the sorted set of argument `index`, or replies WRONGTYPE. */
function isOpened({ argv, reply, tx }: DataContext, index: number): boolean {
  if (zset.open(tx, argv, index)) return true;
  reply.error(ERRORS.wrongType);
  return false;
}

/** Reads what follows the bounds, from argument `from` on; the error to reply where it is wrong. */
function readRequest(argv: Argv, from: number, form: RangeForm): RangeRequest | string {
  let { by, isReverse } = form;
  let hasScores = false;
  let offset = 0;
  let limit = -1;
  for (let i = from; i < argv.count; i++) {
    if (!form.isStore && isWord(argv, i, WITHSCORES)) hasScores = true;
    else if (isWord(argv, i, LIMIT) && i + 2 < argv.count) {
      const wantedOffset = readClampedInteger(argv, i + 1);
      const wantedLimit = readClampedInteger(argv, i + 2);
      if (wantedOffset === undefined || wantedLimit === undefined) return ERRORS.notInteger;
      offset = wantedOffset;
      limit = wantedLimit;
      i += 2;
    } else if (form.isReverse === undefined && isReverse === undefined && isWord(argv, i, REV)) isReverse = true;
    else if (form.by === undefined && by === undefined && isWord(argv, i, BYLEX)) by = "name";
    else if (form.by === undefined && by === undefined && isWord(argv, i, BYSCORE)) by = "score";
    else return ERRORS.syntax;
  }
  by ??= "index";
  if (limit !== -1 && by === "index") return ERRORS.zrangeLimitOnly;
  if (hasScores && by === "name") return ERRORS.zrangeScoresByLex;
  return { by, isReverse: isReverse ?? false, hasScores, offset, limit };
}

/** Reads the bounds at arguments `low` and `high`; the error to reply where they are wrong. */
function readBounds(argv: Argv, by: RangeKind, at: { low: number; high: number }): Bounds | string {
  const { low, high } = at;
  if (by === "index") {
    const first = readClampedInteger(argv, low);
    const last = readClampedInteger(argv, high);
    return first === undefined || last === undefined ? ERRORS.notInteger : { by, first, last };
  }
  const { buf } = argv;
  if (by === "score") {
    const min = parseScoreBound(buf, argv.start(low), argv.end(low), parseDouble);
    const max = parseScoreBound(buf, argv.start(high), argv.end(high), parseDouble);
    return min === undefined || max === undefined ? ERRORS.scoreRangeNotFloat : { by, min, max };
  }
  const min = parseNameBound(buf, argv.start(low), argv.end(low));
  const max = parseNameBound(buf, argv.start(high), argv.end(high));
  return min === undefined || max === undefined ? ERRORS.lexRangeInvalid : { by, min, max };
}

/** The positions in the opened set that bounds mean. */
function findRange(bounds: Bounds): PositionRange {
  if (bounds.by === "index") return findIndexRange(zset.count(), bounds.first, bounds.last);
  if (bounds.by === "score") return findScoreRange(zset, bounds.min, bounds.max);
  return findNameRange(zset, bounds.min, bounds.max);
}

/** Cuts a range by LIMIT; of a reversed one the end is the beginning. */
function applyLimit(range: PositionRange, { offset, limit, isReverse }: RangeRequest): PositionRange {
  const { from, to } = range;
  const count = to - from;
  if (count <= 0 || offset < 0 || offset >= count) return { from, to: from };
  const wanted = limit < 0 ? count - offset : Math.min(limit, count - offset);
  return isReverse
    ? { from: to - offset - wanted, to: to - offset }
    : { from: from + offset, to: from + offset + wanted };
}

/**
 * The positions that a command of the ZRANGE family asks for, its key at argument `keyIndex`, opened then;
 * undefined after an error reply.
 */
function readRange(
  context: DataContext,
  form: RangeForm,
  keyIndex: number,
): { range: PositionRange; request: RangeRequest } | undefined {
  const { argv, reply } = context;
  const request = readRequest(argv, keyIndex + 3, form);
  if (typeof request === "string") {
    reply.error(request);
    return undefined;
  }
  const { by, isReverse } = request;
  // A range by score or name that is read backwards is given from its end; positions count from that end.
  const isSwapped = isReverse && by !== "index";
  const low = keyIndex + (isSwapped ? 2 : 1);
  const bounds = readBounds(argv, by, { low, high: 2 * keyIndex + 3 - low });
  if (typeof bounds === "string") {
    reply.error(bounds);
    return undefined;
  }
  if (!isOpened(context, keyIndex)) return undefined;
  const found = findRange(bounds);
  if (by !== "index") return { range: applyLimit(found, request), request };
  const count = zset.count();
  const range = isReverse ? { from: count - found.to, to: count - found.from } : found;
  return { range, request };
}

function executeRange(context: DataContext, form: RangeForm): void {
  const read = readRange(context, form, 1);
  if (read !== undefined) replyRange(context, read.range, read.request);
}

function replyRange({ reply }: DataContext, { from, to }: PositionRange, request: RangeRequest): void {
  const count = Math.max(0, to - from);
  const { hasScores, isReverse } = request;
  const isPaired = hasScores && reply.protocol === 3;
  reply.array(hasScores && !isPaired ? 2 * count : count);
  if (count === 0) return;
  if (isReverse) zset.seekBack(to);
  else zset.seek(from);
  for (let i = 0; i < count; i++) {
    if (isReverse) zset.previous();
    else zset.next();
    if (isPaired) reply.array(2);
    reply.bulk(zset.element.buf, zset.element.start, zset.element.end);
    if (hasScores) reply.double(zset.score);
  }
}

function executeRangeStore(context: DataContext): void {
  const { argv, reply, tx } = context;
  const read = readRange(context, { by: undefined, isReverse: undefined, isStore: true }, 2);
  if (read === undefined) return;
  const members = new ScoredMembers();
  const { from, to } = read.range;
  if (from < to) zset.seek(from);
  for (let i = from; i < to && zset.next(); i++) {
    members.add(zset.element.buf, zset.element.start, zset.element.end, zset.score);
  }
  result.openEmpty(tx, argv, 1);
  if (members.count > 0) result.fill(members);
  result.closeReplacing();
  reply.integer(members.count);
}

/** The positions that arguments 2 and 3 bound, the key of argument 1 opened; undefined after an error reply. */
function readPlainRange(context: DataContext, by: RangeKind): PositionRange | undefined {
  const bounds = readBounds(context.argv, by, { low: 2, high: 3 });
  if (typeof bounds === "string") {
    context.reply.error(bounds);
    return undefined;
  }
  return isOpened(context, 1) ? findRange(bounds) : undefined;
}

function executeCount(context: DataContext, by: RangeKind): void {
  const range = readPlainRange(context, by);
  if (range !== undefined) context.reply.integer(Math.max(0, range.to - range.from));
}

function executeRemoveRange(context: DataContext, by: RangeKind): void {
  const range = readPlainRange(context, by);
  if (range === undefined) return;
  zset.removeRange(range.from, range.to);
  zset.close();
  context.reply.integer(Math.max(0, range.to - range.from));
}

export const sortedSetRangeCommands: readonly DataCommand[] = sortedSetRangeSpecs({
  executeRange,
  executeRangeStore,
  executeCount,
  executeRemoveRange,
});
