/**
 * Where the entries of each slot lie in the log: for each slot and segment the first and last index, and a mark every
 * 64 KiB. Sparse: what lies between two marks is found by reading record headers.
 * Invariants: a slot's ranges are in the order of the file and of their indexes, without gaps or overlaps; what an
 * override made void is in no range. `term`, `index` and `crc` are those of the slot's last entry.
 */

import { assert } from "../base/assert.ts";
import type { ReplicaId, TableId } from "../meta/ids.ts";

/** A reader skips at most this many bytes of other slots' records to find an entry. */
export const MARK_EVERY_BYTES = 64 * 1024;

/** One file of the log. */
export interface Segment {
  readonly firstSequence: number;
  readonly path: string;
  /** Bytes that hold whole records; grows while it is written. */
  sizeBytes: number;
  recordCount: number;
}

/** The entries of one slot in one segment. */
export interface SlotRange {
  readonly segment: Segment;
  readonly firstIndex: number;
  lastIndex: number;
  /** Ascending: entry `markIndexes[i]` is the record at `markOffsets[i]`; the first is `firstIndex`. */
  readonly markIndexes: number[];
  readonly markOffsets: number[];
  lastMarkOffset: number;
}

/** The position of a slot's log: its last entry. */
export interface SlotPosition {
  readonly term: number;
  readonly index: number;
  readonly crc: number;
}

/** The log of one slot. */
export class SlotLog {
  readonly table: TableId;
  readonly slot: number;
  replica: ReplicaId;
  /** Of the last entry. */
  term = 0;
  index = 0;
  crc = 0;
  /** Of the entries that this node makes while it leads. */
  leadTerm = 0;
  ranges: SlotRange[] = [];
  /** The turn that last touched it; its state before that turn is in the `saved` fields. */
  turn = 0;
  savedTerm = 0;
  savedIndex = 0;
  savedCrc = 0;
  savedReplica: ReplicaId;
  savedRanges: SlotRange[] | undefined;
  /** Whether entries in the file may be void: then it is read by ranges only, never in one pass. */
  hasVoidEntries = false;
  /** After a cut: the void entries stay in the file, so a scan from before them must not go on behind them. */
  #startsRange = false;

  constructor(table: TableId, slot: number, replica: ReplicaId) {
    this.table = table;
    this.slot = slot;
    this.replica = replica;
    this.savedReplica = replica;
  }

  /** Remembers the state before `turn`. Call before the first change of the turn. */
  save(turn: number): void {
    this.turn = turn;
    this.savedTerm = this.term;
    this.savedIndex = this.index;
    this.savedCrc = this.crc;
    this.savedReplica = this.replica;
    this.savedRanges = undefined;
  }

  /** Takes back all since `save`. */
  restore(): void {
    this.term = this.savedTerm;
    this.index = this.savedIndex;
    this.crc = this.savedCrc;
    this.replica = this.savedReplica;
    if (this.savedRanges) this.ranges = this.savedRanges;
    this.#cutRanges(this.index);
    this.savedRanges = undefined;
  }

  /** The slot's next entry lies at `offset` of `segment`. */
  advance(segment: Segment, offset: number): void {
    const index = this.index + 1;
    const last = this.ranges.at(-1);
    if (last === undefined || last.segment !== segment || this.#startsRange) {
      this.#startsRange = false;
      this.ranges.push({
        segment,
        firstIndex: index,
        lastIndex: index,
        markIndexes: [index],
        markOffsets: [offset],
        lastMarkOffset: offset,
      });
    } else {
      last.lastIndex = index;
      if (offset - last.lastMarkOffset >= MARK_EVERY_BYTES) {
        last.markIndexes.push(index);
        last.markOffsets.push(offset);
        last.lastMarkOffset = offset;
      }
    }
    this.index = index;
  }

  /**
   * Makes all entries behind `position` void: the next one overrides. `position` must lie in the log or be its
   * very beginning.
   */
  cutBehind(position: SlotPosition): void {
    assert(position.index <= this.index, "a slot's log is cut at or before its end");
    this.savedRanges ??= this.ranges.map(copyRange);
    this.#cutRanges(position.index);
    this.hasVoidEntries = true;
    this.#startsRange = true;
    this.term = position.term;
    this.index = position.index;
    this.crc = position.crc;
  }

  /** Forgets all entries: the log goes on behind `position` (a new replica, an installed snapshot). */
  reset(replica: ReplicaId, position: SlotPosition): void {
    this.savedRanges ??= this.ranges;
    this.hasVoidEntries ||= this.ranges.length > 0;
    this.ranges = [];
    this.replica = replica;
    this.term = position.term;
    this.index = position.index;
    this.crc = position.crc;
  }

  /** The first index that the log still holds; `index + 1` where it holds none. */
  firstIndex(): number {
    return this.ranges[0]?.firstIndex ?? this.index + 1;
  }

  /** Forgets what lies in segments before `segment`. */
  forgetBefore(segment: Segment): void {
    while (this.ranges[0] && this.ranges[0].segment.firstSequence < segment.firstSequence) this.ranges.shift();
  }

  #cutRanges(lastIndex: number): void {
    while (this.ranges.length > 0) {
      const last = this.ranges[this.ranges.length - 1] as SlotRange;
      if (last.firstIndex <= lastIndex) {
        last.lastIndex = Math.min(last.lastIndex, lastIndex);
        while ((last.markIndexes.at(-1) as number) > lastIndex) {
          last.markIndexes.pop();
          last.markOffsets.pop();
        }
        last.lastMarkOffset = last.markOffsets.at(-1) as number;
        return;
      }
      this.ranges.pop();
    }
  }
}

function copyRange(range: SlotRange): SlotRange {
  return { ...range, markIndexes: range.markIndexes.slice(), markOffsets: range.markOffsets.slice() };
}

/** All slots and segments of the node's log. */
export class LogIndex {
  readonly #slots = new Map<number, SlotLog>();
  /** In the order of their sequences; the last one is written to. */
  readonly segments: Segment[] = [];

  find(table: number, slot: number): SlotLog | undefined {
    return this.#slots.get(table * 16_384 + slot);
  }

  add(log: SlotLog): void {
    this.#slots.set(log.table * 16_384 + log.slot, log);
  }

  remove(log: SlotLog): void {
    this.#slots.delete(log.table * 16_384 + log.slot);
  }

  slots(): Iterable<SlotLog> {
    return this.#slots.values();
  }

  /** Forgets the segments before `segment` and what lies in them; returns them. */
  dropBefore(segment: Segment): readonly Segment[] {
    const count = this.segments.indexOf(segment);
    const dropped = this.segments.splice(0, Math.max(0, count));
    if (dropped.length > 0) for (const log of this.#slots.values()) log.forgetBefore(segment);
    return dropped;
  }
}
