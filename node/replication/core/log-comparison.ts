/**
 * How a leader brings a follower's log to its own: go on from where both agree, look for that place, or copy all. Pure.
 *
 * A position is {term, index, CRC of the entry}; each entry carries the CRC of the one before it, so two logs that
 * have one position in common are the same up to it. The position before the first entry (all 0) is common to all.
 */

import type { LogPosition } from "../../wire/binlog-sync.ts";
import type { SnapshotCause } from "../../wire/snapshot.ts";

/** As much of a slot's log as a comparison looks at. */
export interface LogView {
  readonly last: LogPosition;
  /** The lowest index that the log still holds; `last.index + 1` where it holds none. */
  readonly firstIndex: number;
  positionAt(index: number): LogPosition | undefined;
  /** The CRC that the entry at `index` carries of the one before it; undefined where the log lacks the entry. */
  previousCrcAt(index: number): number | undefined;
}

export type Comparison =
  /** Both agree up to the follower's last entry: send from `from` on. */
  | { readonly kind: "stream"; readonly from: number }
  /** The follower has what the leader has not: tell it positions between these indexes. */
  | { readonly kind: "probe"; readonly firstIndex: number; readonly lastIndex: number }
  | { readonly kind: "snapshot"; readonly cause: SnapshotCause };

export const NO_POSITION: LogPosition = { term: 0, index: 0, crc: 0 };

/** Positions of one probe: 64 narrow a million entries down in four rounds and are about a kilobyte. */
const MAX_PROBE_POSITIONS = 64;

/** Compares a follower's last position with the leader's log. */
export function compareLogs(log: LogView, theirs: LogPosition): Comparison {
  if (theirs.index === 0) {
    if (log.firstIndex <= 1) return { kind: "stream", from: 1 };
    return { kind: "snapshot", cause: "emptyFollower" };
  }
  const ours = positionOf(log, theirs.index);
  if (ours !== undefined && isSame(ours, theirs)) return { kind: "stream", from: theirs.index + 1 };
  if (ours === undefined && theirs.index < log.last.index) {
    const isJustBefore = log.previousCrcAt(theirs.index + 1) === theirs.crc;
    return isJustBefore ? { kind: "stream", from: theirs.index + 1 } : { kind: "snapshot", cause: "logGone" };
  }
  return { kind: "probe", firstIndex: 0, lastIndex: Math.min(theirs.index, log.last.index) };
}

/** Positions of the log spread over the given indexes, both ends among them, as far as the log holds them. */
export function probePositions(log: LogView, firstIndex: number, lastIndex: number): LogPosition[] {
  const high = Math.min(lastIndex, log.last.index);
  const lowest = log.firstIndex <= 1 ? 0 : Math.min(log.firstIndex, log.last.index);
  const low = Math.max(firstIndex, lowest);
  const positions: LogPosition[] = [];
  const count = Math.min(MAX_PROBE_POSITIONS, high - low + 1);
  for (let i = 0; i < count; i++) {
    const index = count === 1 ? high : low + Math.floor((i * (high - low)) / (count - 1));
    const position = positionOf(log, index);
    if (position !== undefined) positions.push(position);
  }
  return positions;
}

/** What a follower knows of where the logs part: `common` is shared, `different` (above it) is not. */
export interface ProbeBounds {
  readonly common: LogPosition | undefined;
  /** The lowest index known to differ; Infinity: none. */
  readonly differentIndex: number;
}

export const UNPROBED: ProbeBounds = { common: undefined, differentIndex: Number.POSITIVE_INFINITY };

export type ProbeStep =
  /** Everything behind `position` is not the leader's: set it aside, and compare again from there. */
  | { readonly kind: "cut"; readonly position: LogPosition }
  | { readonly kind: "ask"; readonly firstIndex: number; readonly lastIndex: number; readonly bounds: ProbeBounds }
  | { readonly kind: "snapshot" };

/** Takes positions of the leader's log and says what the follower does next. */
export function resolveProbe(log: LogView, bounds: ProbeBounds, positions: readonly LogPosition[]): ProbeStep {
  let { common, differentIndex } = bounds;
  for (const theirs of positions) {
    const ours = positionOf(log, theirs.index);
    // What this log does not hold any more says nothing.
    if (ours === undefined && theirs.index <= log.last.index) continue;
    if (ours !== undefined && isSame(ours, theirs)) {
      if (common === undefined || theirs.index > common.index) common = ours;
    } else if (theirs.index < differentIndex) differentIndex = theirs.index;
  }
  if (common === undefined) {
    // Where the logs part cannot be found any more. What is known to differ is set aside before the copy replaces it.
    const before = differentIndex > log.last.index ? undefined : positionOf(log, differentIndex - 1);
    return before === undefined ? { kind: "snapshot" } : { kind: "cut", position: before };
  }
  const hasLearned = common !== bounds.common || differentIndex !== bounds.differentIndex;
  if (differentIndex === Number.POSITIVE_INFINITY || differentIndex <= common.index + 1 || !hasLearned) {
    return { kind: "cut", position: common };
  }
  return {
    kind: "ask",
    firstIndex: common.index + 1,
    lastIndex: differentIndex - 1,
    bounds: { common, differentIndex },
  };
}

function positionOf(log: LogView, index: number): LogPosition | undefined {
  if (index === 0) return log.firstIndex <= 1 || log.last.index === 0 ? NO_POSITION : undefined;
  return index === log.last.index ? log.last : log.positionAt(index);
}

function isSame(a: LogPosition, b: LogPosition): boolean {
  return a.index === b.index && a.term === b.term && a.crc === b.crc;
}
