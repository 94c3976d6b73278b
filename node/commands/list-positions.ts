/** LPOS: where elements of a list are that are equal to a value. */

import { List } from "../datatypes/list.ts";
import { ERRORS, outsideRangeText } from "../resp/error-texts.ts";
import { isWord, optionWord, readInteger } from "./argument-reader.ts";
import type { DataCommand, DataContext } from "./command.ts";
import { openList } from "./list-reply.ts";

const list = new List();
const RANK = optionWord("rank");
const COUNT = optionWord("count");
const MAXLEN = optionWord("maxlen");
/** A rank has a negative counterpart, as in Redis from 7.2 on. */
const MAX_RANK = 2n ** 63n - 1n;

interface PositionRequest {
  /** Which match is the first to be answered; negative: from the end of the list. */
  rank: number;
  /** How many matches are answered; 0: all. Undefined: one, and not in an array. */
  count: number | undefined;
  /** At most so many elements are compared; 0: all. */
  maxLength: number;
}

/** Reads the options from argument 3 on; a text is the error. */
function readOptions({ argv }: DataContext): PositionRequest | string {
  const request: PositionRequest = { rank: 1, count: undefined, maxLength: 0 };
  for (let i = 3; i < argv.count; i += 2) {
    if (i + 1 === argv.count) return ERRORS.syntax;
    const value = readInteger(argv, i + 1);
    if (isWord(argv, i, RANK)) {
      if (value === undefined) return ERRORS.notInteger;
      if (value === 0) return ERRORS.listRankZero;
      if (value < -MAX_RANK) return outsideRangeText(-MAX_RANK, MAX_RANK);
      request.rank = Number(value);
    } else if (isWord(argv, i, COUNT)) {
      if (value === undefined || value < 0) return ERRORS.countNegative;
      request.count = Number(value);
    } else if (isWord(argv, i, MAXLEN)) {
      if (value === undefined || value < 0) return ERRORS.listMaxlenNegative;
      request.maxLength = Number(value);
    } else return ERRORS.syntax;
  }
  return request;
}

function executePosition(context: DataContext): void {
  const { argv, reply } = context;
  const request = readOptions(context);
  if (typeof request === "string") {
    reply.error(request);
    return;
  }
  if (!openList(context, list, 1)) return;
  const found = list.exists() ? findPositions(request, { buf: argv.buf, start: argv.start(2), end: argv.end(2) }) : [];
  if (request.count !== undefined) {
    reply.array(found.length);
    for (const position of found) reply.integer(position);
  } else if (found[0] === undefined) reply.nil();
  else reply.integer(found[0]);
}

function findPositions(request: PositionRequest, wanted: { buf: Buffer; start: number; end: number }): number[] {
  const { rank, count = 1, maxLength } = request;
  const found: number[] = [];
  let skipped = Math.abs(rank) - 1;
  let compared = 0;
  const visit = (position: number): boolean => {
    compared++;
    if (list.isEqual(wanted)) {
      if (skipped > 0) skipped--;
      else found.push(position);
    }
    return (count === 0 || found.length < count) && compared !== maxLength;
  };
  if (rank > 0) list.visitForward(0, visit);
  else list.visitBackward(list.count() - 1, visit);
  return found;
}

export const listPositionCommands: readonly DataCommand[] = [
  {
    name: "lpos",
    scope: "data",
    arity: -3,
    flags: ["readonly"],
    keys: { kind: "range", first: 1, last: 1, step: 1 },
    group: "list",
    since: "6.0.6",
    summary: "Returns the index of elements of a list that are equal to a value.",
    complexity: "O(N) where N is the number of elements compared",
    execute: executePosition,
  },
];
