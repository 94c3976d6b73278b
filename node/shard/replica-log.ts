/**
 * The port between a slot's replica and what replicates it: its log, its role, its snapshots.
 * Everything here is called on the main thread. Implemented by SlotReplica (slot-replica.ts).
 *
 * Invariants
 * 1. `last` counts only entries that are in the log's file; a turn that is being made is not seen.
 * 2. A replica serves only as a leader, without a fence, while its lease lasts, once all of its log is applied.
 * 3. The log of a follower changes only by `appendFromLeader`, `cutBehind` and an installed snapshot.
 */

import type { ReplicaId, TableId } from "../meta/ids.ts";

/** An entry's place in a slot's log; all 0 before the first. */
export interface LogPosition {
  readonly term: number;
  readonly index: number;
  /** CRC-32 of the entry's body. */
  readonly crc: number;
}

/** `recovering`: its role is not known since the start, or its log is not applied yet. */
export type ReplicaRole = "recovering" | "leader" | "follower";

export type AppendResult =
  /** All are in the turn's buffer: in the file after the end of the turn. Entries that were there already are skipped. */
  | { readonly kind: "appended"; readonly last: LogPosition }
  /** Our entry before the first one given, or one of its index, is another: `ours` is that entry. */
  | { readonly kind: "conflict"; readonly ours: LogPosition }
  /** Entries between `last` and the first one given are missing here. */
  | { readonly kind: "gap"; readonly last: LogPosition }
  /** Not entries of this slot's log, or without order among themselves: the sender is broken. */
  | { readonly kind: "malformed" };

export type CutResult =
  /** The entries behind the position were set aside; `lostCount` of them. */
  | { readonly kind: "cut"; readonly lostCount: number; readonly path: string | undefined }
  /** The database has passed the position: only a snapshot helps. */
  | { readonly kind: "needsSnapshot" };

export interface SnapshotEntry {
  /** A key of docs/formats/keys.md without its generation. */
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The state of a slot at one position; the replica's writes go on meanwhile. Must be closed. */
export interface SnapshotSource {
  readonly position: LogPosition;
  /** The slot's time at the position. */
  readonly nowMs: number;
  readonly keyCount: number;
  /** Keys that have an expiry. */
  readonly expiringCount: number;
  /** Estimated. */
  readonly sizeBytes: number;
  /** The next entries, about `maxBytes` of them; none at the end. */
  next(maxBytes: number): Promise<readonly SnapshotEntry[]>;
  close(): Promise<void>;
}

/** Takes a snapshot in: nothing of it is seen before `commit`. */
export interface SnapshotSink {
  write(entries: readonly SnapshotEntry[]): Promise<void>;
  /** Switches the slot to the snapshot, durably, in one step; its log goes on behind `position`. */
  commit(): Promise<void>;
  /** Forgets what was written; it is collected in the background. */
  abort(): Promise<void>;
}

export interface SnapshotState {
  readonly position: LogPosition;
  readonly nowMs: number;
  readonly keyCount: number;
  /** Keys that have an expiry. */
  readonly expiringCount: number;
  readonly sizeBytes: number;
}

/** What a leader's followers need of it. */
export interface FollowerProgress {
  /** The lowest index that a follower has not acknowledged: kept in the log as far as its bound allows; Infinity: none. */
  readonly needFrom: number;
  /** The same for followers that are being copied, or catch up from a copy: kept within a larger bound. */
  readonly copiesNeedFrom: number;
  /** The highest index that a promotable follower has: the database is not let past it, as long as memory allows. */
  readonly acknowledged: number;
}

/** To acknowledge nothing of an older term than `term`, and in it only `vote`. */
export interface Promised {
  readonly term: number;
  readonly vote: ReplicaId;
}

export interface ReplicaLog {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly role: ReplicaRole;
  /** The highest term that this replica has seen, promised or led in. */
  readonly term: number;
  /** The last entry in the log. */
  readonly last: LogPosition;
  /** The last entry that is executed. */
  readonly applied: LogPosition;
  /** The lowest index that the log still holds; `last.index + 1` where it holds none. */
  readonly firstIndex: number;

  /** The last promise made; a replica may have come to know a higher term since. Undefined: none. */
  readonly promised: Promised | undefined;

  /** Leads in `term`: higher than any seen, or promised to itself since the start. Serves once all of its log is applied: resolves then. */
  becomeLeader(term: number): Promise<void>;
  /** Follows in `term`, at least the highest seen: no client is served from now on. */
  becomeFollower(term: number): void;
  /**
   * Promises, durably when it resolves, to acknowledge nothing of an older term than `term`, led by `vote`.
   * @throws OperatingError PromiseNotKept where the log could not take it.
   */
  promise(term: number, vote: ReplicaId): Promise<void>;
  /** Refuses clients while ownership moves (`true`), or takes them again. */
  setFenced(isFenced: boolean): void;
  /** A leader serves until then by the monotonic clock; Infinity where it needs no grant. */
  setLease(untilMonotonicMs: number): void;
  setFollowerProgress(progress: FollowerProgress): void;

  /** Bodies of the entries from `index` on, up to about `maxBytes` (at least one); undefined: the log lacks `index`. */
  entriesFrom(index: number, maxBytes: number): readonly Buffer[] | undefined;
  /** The position of the entry at `index`; undefined where the log does not hold it. */
  positionAt(index: number): LogPosition | undefined;
  /** Takes entries of the leader: appended in this turn, executed in the background after it. */
  appendFromLeader(bodies: readonly Buffer[]): AppendResult;
  /** Sets the entries behind `position` aside (a divergent tail) and goes on from there. */
  cutBehind(position: LogPosition): Promise<CutResult>;
  /**
   * Calls `listener` after each turn that put entries of this slot into the log's file, or failed to and dropped them:
   * `last` tells. Returns how to forget it.
   */
  onWritten(listener: () => void): () => void;
  /** Resolves when all entries up to the current `last` are durable. */
  whenDurable(): Promise<void>;
  /** The highest index that is durable. */
  readonly durableIndex: number;

  openSnapshot(): Promise<SnapshotSource>;
  installSnapshot(state: SnapshotState): Promise<SnapshotSink>;
  /** A digest of the slot's logical contents at `applied`, the same on all replicas whatever their layout. Hex. */
  digest(): Promise<string>;
}
