/**
 * The bounds of ranges by score (`1.5`, `(1.5`, `-inf`) and by name (`-`, `+`, `[a`, `(a`), read from arguments and
 * turned into positions of a sorted set: [from, to), empty where from ≥ to.
 */

import type { Zset } from "./zset.ts";

const OPEN = 40;
const CLOSED = 91;
const LOWEST = 45;
const HIGHEST = 43;

export interface ScoreBound {
  readonly score: number;
  readonly isExclusive: boolean;
}

export interface NameBound {
  readonly kind: "lowest" | "highest" | "inclusive" | "exclusive";
  readonly buf: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Reads a double from a byte range; undefined where it is none. */
export type DoubleParser = (buf: Buffer, start: number, end: number) => number | undefined;

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** Undefined where it is no bound. As in Redis, spaces may come first and nothing at all is 0. */
export function parseScoreBound(buf: Buffer, start: number, end: number, parse: DoubleParser): ScoreBound | undefined {
  const isExclusive = start < end && buf[start] === OPEN;
  let from = isExclusive ? start + 1 : start;
  while (from < end && isSpace(buf[from] as number)) from++;
  const score = from === end ? 0 : parse(buf, from, end);
  return score === undefined ? undefined : { score, isExclusive };
}

/** Undefined where it is no bound. */
export function parseNameBound(buf: Buffer, start: number, end: number): NameBound | undefined {
  const first = start < end ? buf[start] : 0;
  if (first === OPEN) return { kind: "exclusive", buf, start: start + 1, end };
  if (first === CLOSED) return { kind: "inclusive", buf, start: start + 1, end };
  if (end - start !== 1) return undefined;
  if (first === LOWEST) return { kind: "lowest", buf, start, end };
  return first === HIGHEST ? { kind: "highest", buf, start, end } : undefined;
}

export interface PositionRange {
  from: number;
  to: number;
}

/** The positions with scores from `min` to `max`. */
export function findScoreRange(zset: Zset, min: ScoreBound, max: ScoreBound): PositionRange {
  return {
    from: zset.rankOfScore(min.score, min.isExclusive),
    to: zset.rankOfScore(max.score, !max.isExclusive),
  };
}

/** The positions with names from `min` to `max`, where all members have the same score. */
export function findNameRange(zset: Zset, min: NameBound, max: NameBound): PositionRange {
  return { from: positionOf(zset, min, min.kind === "exclusive"), to: positionOf(zset, max, max.kind === "inclusive") };
}

function positionOf(zset: Zset, bound: NameBound, isAfterEqual: boolean): number {
  if (bound.kind === "lowest") return 0;
  if (bound.kind === "highest") return zset.count();
  return zset.rankOfName(bound.buf, bound.start, bound.end, isAfterEqual);
}

/** The positions from `first` to `last`, both inclusive and from the end where negative, as in LRANGE. */
export function findIndexRange(count: number, first: number, last: number): PositionRange {
  const from = first < 0 ? Math.max(0, count + first) : first;
  const to = (last < 0 ? count + last : Math.min(last, count - 1)) + 1;
  return { from, to: Math.max(from, to) };
}
