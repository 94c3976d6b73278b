/**
 * Which segments of the log can go. A pure decision: recovery needs what is above each slot's durable applied index,
 * followers what they have not acknowledged, but not beyond a bound of bytes: behind it a follower gets a snapshot.
 * A snapshot on its way would be in vain without the log behind it, so that has a larger bound.
 * Only a prefix of the log can go, and never the segment that is being written.
 */

import { assert } from "../base/assert.ts";
import type { Segment, SlotLog } from "./log-index.ts";

export interface RetentionSlot {
  readonly log: SlotLog;
  /** Applied index of the slot's last batch that is durable in the database. */
  readonly durableIndex: number;
  /** The lowest index that a follower still needs; Infinity where none does. */
  readonly followersNeedFrom: number;
  /** The lowest index that a follower needs that is being copied; Infinity where none is. */
  readonly copiesNeedFrom: number;
}

export interface RetentionLimits {
  /** Bytes of log that are kept for followers at most. */
  readonly followerBytes: number;
  /** Bytes of log that are kept behind copies of followers at most. */
  readonly copyBytes: number;
  /** A slot whose unflushed entries keep a segment alive that is this far back is flushed first. */
  readonly pinnedBytes: number;
}

export interface RetentionDecision {
  /** The oldest segment to keep. */
  readonly keepFrom: Segment;
  /** Slots to flush so that older segments can go, the oldest pin first. */
  readonly flushFirst: readonly SlotLog[];
}

/** Decides over `segments`, oldest first, at least one. */
export function decideRetention(
  segments: readonly Segment[],
  slots: Iterable<RetentionSlot>,
  limits: RetentionLimits,
): RetentionDecision {
  const current = segments.at(-1);
  assert(current !== undefined, "a log has a segment");
  const followersKeep = oldestWithin(segments, limits.followerBytes).firstSequence;
  const copiesKeep = oldestWithin(segments, limits.copyBytes).firstSequence;
  const pinnedKeep = oldestWithin(segments, limits.pinnedBytes).firstSequence;
  let keepFrom = current.firstSequence;
  const pins: { readonly log: SlotLog; readonly segment: number }[] = [];
  for (const { log, durableIndex, followersNeedFrom, copiesNeedFrom } of slots) {
    const recovery = oldestHolding(log, durableIndex + 1);
    const followers = oldestHolding(log, followersNeedFrom);
    const copies = oldestHolding(log, copiesNeedFrom);
    keepFrom = Math.min(keepFrom, recovery, Math.max(followers, followersKeep), Math.max(copies, copiesKeep));
    if (recovery < pinnedKeep) pins.push({ log, segment: recovery });
  }
  pins.sort((a, b) => a.segment - b.segment);
  return {
    keepFrom: segments.find((segment) => segment.firstSequence >= keepFrom) ?? current,
    flushFirst: pins.map((pin) => pin.log),
  };
}

/** First sequence of the oldest segment that holds an entry of the slot at or above `index`; Infinity: none does. */
function oldestHolding(log: SlotLog, index: number): number {
  if (index > log.index) return Number.POSITIVE_INFINITY;
  return log.ranges.find((range) => range.lastIndex >= index)?.segment.firstSequence ?? Number.POSITIVE_INFINITY;
}

/** The oldest segment such that all from it on are within `limitBytes`; the last one in any case. */
function oldestWithin(segments: readonly Segment[], limitBytes: number): Segment {
  let sizeBytes = 0;
  let oldest = segments.at(-1) as Segment;
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] as Segment;
    sizeBytes += segment.sizeBytes;
    if (sizeBytes > limitBytes) break;
    oldest = segment;
  }
  return oldest;
}
