/**
 * The leading side of replication on one node: all streams of all followers of the slots that it leads.
 *
 * Invariants
 * 1. Only a follower that the topology places on the asking node gets a stream; one stream for each follower.
 * 2. A stream belongs to one term: when the slot gets another, it ends and the follower opens a new one.
 * 3. A slot without writes costs nothing: work is done on writes, acknowledgements and changes only.
 * 4. A replica that does not lead gives what it has to one that is about to lead in a term at least as high as its own
 *    (a fetch), and to nobody else; a link has one such stream a slot, so it has no more than this node has replicas.
 */

import type { Logger } from "../base/log.ts";
import { type NodeId, type ReplicaId, type TableId, tableId } from "../meta/ids.ts";
import type { ReplicaHost } from "../shard/replica-host.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import type { BinlogSyncAck, BinlogSyncOpen, BinlogSyncProbeAsk, SyncRefusalCode } from "../wire/binlog-sync.ts";
import { protocolError } from "../wire/byte-reader.ts";
import type { SnapshotAbort, SnapshotAck } from "../wire/snapshot.ts";
import { type Channel, slotKey } from "./channel.ts";
import { type FollowerMode, FollowerTrack, progressOf } from "./core/follower-track.ts";
import type { WantedReplica } from "./core/replica-roles.ts";
import type { FollowerProgressSource, WaitTarget } from "./follower-waits.ts";
import { Gate } from "./gate.ts";
import { LeaderStream } from "./leader-stream.ts";

/** Snapshots sent at once: each reads the database and fills a window; more would only share the same disk and link. */
const MAX_SNAPSHOTS = 4;

/** How far one follower of a led slot is. */
export interface FollowerLag {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly node: NodeId;
  readonly mode: FollowerMode;
  readonly isInSync: boolean;
  /** Entries of the leader's log that the follower's log has not got. */
  readonly lagEntries: number;
  readonly appendedIndex: number;
  readonly durableIndex: number;
}

interface Follower {
  readonly replica: ReplicaId;
  readonly node: NodeId;
  readonly track: FollowerTrack;
  stream: LeaderStream | undefined;
}

interface LedSlot {
  readonly log: ReplicaLog;
  readonly term: number;
  readonly followers: Map<ReplicaId, Follower>;
  readonly stopListening: () => void;
}

export class ReplicationLeader implements FollowerProgressSource {
  readonly #logger: Logger;
  readonly #epoch: () => number;
  readonly #host: ReplicaHost;
  readonly #slots = new Map<number, LedSlot>();
  readonly #channels = new Map<Channel, Map<number, LeaderStream>>();
  /** The fetches among them, by slot. */
  readonly #fetches = new Map<Channel, Map<number, LeaderStream>>();
  readonly #snapshots = new Gate(MAX_SNAPSHOTS);
  readonly #progressListeners = new Set<() => void>();
  #isProgressDue = false;

  /** @param deps.epoch the epoch of the topology that this node goes by. */
  constructor(deps: { readonly logger: Logger; readonly epoch: () => number; readonly host: ReplicaHost }) {
    this.#host = deps.host;
    this.#logger = deps.logger;
    this.#epoch = deps.epoch;
  }

  /** What the links that this node accepted hear about replication. */
  readonly handlers = {
    binlogSyncOpen: (channel: Channel, id: number, message: BinlogSyncOpen): void => this.#open(channel, id, message),
    binlogSyncAck: (channel: Channel, _id: number, message: BinlogSyncAck): void => {
      for (const ack of message.streams) {
        const stream = this.#stream(channel, ack.stream);
        if (stream?.acknowledged(ack) === false) throw protocolError("an acknowledgement of what it was not sent");
      }
    },
    binlogSyncClose: (channel: Channel, id: number): void => this.#stream(channel, id)?.close(),
    binlogSyncProbeAsk: (channel: Channel, id: number, message: BinlogSyncProbeAsk): void =>
      this.#stream(channel, id)?.probeAsked(message),
    snapshotAck: (channel: Channel, id: number, message: SnapshotAck): void => {
      if (this.#stream(channel, id)?.snapshotAcknowledged(message.chunkCount) === false) {
        throw protocolError("an acknowledgement of chunks that it was not sent");
      }
    },
    snapshotAbort: (channel: Channel, id: number, message: SnapshotAbort): void => {
      this.#logger.warn({ node: channel.peer, reason: message.text }, "a follower gave a snapshot up");
      this.#stream(channel, id)?.close();
    },
  };

  onOpen(channel: Channel): void {
    this.#channels.set(channel, new Map());
    this.#fetches.set(channel, new Map());
  }

  onClose(channel: Channel): void {
    const streams = this.#channels.get(channel);
    this.#channels.delete(channel);
    this.#fetches.delete(channel);
    for (const stream of streams?.values() ?? []) stream.close();
  }

  onDrain(channel: Channel): void {
    for (const stream of this.#channels.get(channel)?.values() ?? []) stream.pump();
  }

  /** This node leads a slot in a term from now on, or its followers have changed. */
  lead(wanted: WantedReplica, log: ReplicaLog): void {
    const key = slotKey(wanted.table, wanted.slot);
    const before = this.#slots.get(key);
    if (before !== undefined && before.term === wanted.term && before.log === log) {
      this.#updateFollowers(before, wanted);
      return;
    }
    this.#end(key, "olderTerm");
    const slot: LedSlot = {
      log,
      term: wanted.term,
      followers: new Map(),
      stopListening: log.onWritten(() => {
        for (const follower of slot.followers.values()) follower.stream?.pump();
      }),
    };
    this.#slots.set(key, slot);
    this.#updateFollowers(slot, wanted);
  }

  /** This node does not lead the slot any more. */
  unlead(table: TableId, slot: number): void {
    this.#end(slotKey(table, slot), "notLeader");
  }

  /** Every follower of every slot that this node leads. */
  lags(): FollowerLag[] {
    const lags: FollowerLag[] = [];
    for (const { log, followers } of this.#slots.values()) {
      for (const { replica, node, track } of followers.values()) {
        lags.push({
          table: log.table,
          slot: log.slot,
          replica,
          node,
          mode: track.mode,
          isInSync: track.isInSync,
          lagEntries: Math.max(0, log.last.index - track.appendedIndex),
          appendedIndex: track.appendedIndex,
          durableIndex: track.durableIndex,
        });
      }
    }
    return lags;
  }

  /** See FollowerProgressSource. */
  countFollowersAt(target: WaitTarget): number | undefined {
    const slot = this.#slots.get(slotKey(target.table, target.slot));
    if (slot === undefined) return undefined;
    let count = 0;
    for (const { track } of slot.followers.values()) {
      if (track.mode === "streaming" && track.appendedIndex >= target.index) count++;
    }
    return count;
  }

  onProgress(changed: () => void): () => void {
    this.#progressListeners.add(changed);
    return () => this.#progressListeners.delete(changed);
  }

  #updateFollowers(slot: LedSlot, wanted: WantedReplica): void {
    const kept = new Set(wanted.others.map(({ id }) => id));
    for (const [replica, follower] of slot.followers) {
      if (kept.has(replica)) continue;
      slot.followers.delete(replica);
      follower.stream?.refuse("unknownReplica", "the replica was removed");
    }
    for (const { id, node } of wanted.others) {
      if (!slot.followers.has(id)) {
        slot.followers.set(id, { replica: id, node, track: new FollowerTrack(), stream: undefined });
      }
    }
    this.#tellProgress(slot);
  }

  #end(key: number, code: SyncRefusalCode): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    slot.stopListening();
    for (const follower of slot.followers.values()) {
      follower.stream?.refuse(code, "the leadership of the slot has changed");
    }
    slot.log.setFollowerProgress(progressOf([]));
    this.#noteProgress();
  }

  #open(channel: Channel, id: number, message: BinlogSyncOpen): void {
    const streams = this.#channels.get(channel);
    if (streams === undefined) throw protocolError("a message on a link that is not open");
    if (streams.has(id)) throw protocolError(`a second BinlogSyncOpen on stream ${id}`);
    if (message.isFetch) {
      this.#give(channel, streams, { id, message });
      return;
    }
    const slot = this.#slots.get(slotKey(tableId(message.table), message.slot));
    const refusal = this.#refusalOf(channel, slot, message);
    if (refusal !== undefined || slot === undefined) {
      this.#refuse(channel, id, { code: refusal ?? "notLeader", term: slot?.term ?? 0, message });
      return;
    }
    const follower = slot.followers.get(message.replica as ReplicaId) as Follower;
    follower.stream?.close();
    const stream = new LeaderStream({
      id,
      channel,
      log: slot.log,
      term: slot.term,
      epoch: this.#epoch(),
      track: follower.track,
      snapshots: this.#snapshots,
      onProgress: () => {
        if (follower.track.mode === "away" && follower.stream === stream) {
          follower.stream = undefined;
          this.#channels.get(channel)?.delete(id);
        }
        this.#tellProgress(slot);
      },
    });
    follower.stream = stream;
    streams.set(id, stream);
    stream.open(message);
  }

  /** Gives what a replica here has to one that is about to lead. */
  #give(channel: Channel, streams: Map<number, LeaderStream>, open: { id: number; message: BinlogSyncOpen }): void {
    const { id, message } = open;
    const log = this.#host.find(tableId(message.table), message.slot);
    if (log === undefined || log.role === "leader" || log.term > message.term) {
      const code = log === undefined ? "noSuchSlot" : log.term > message.term ? "olderTerm" : "behind";
      this.#refuse(channel, id, { code, term: log?.term ?? 0, message });
      return;
    }
    const key = slotKey(log.table, log.slot);
    const fetches = this.#fetches.get(channel);
    fetches?.get(key)?.close();
    const track = new FollowerTrack();
    const stream = new LeaderStream({
      id,
      channel,
      log,
      term: message.term,
      epoch: this.#epoch(),
      track,
      snapshots: this.#snapshots,
      onProgress: () => {
        if (track.mode !== "away") return;
        this.#channels.get(channel)?.delete(id);
        if (fetches?.get(key) === stream) fetches.delete(key);
      },
    });
    streams.set(id, stream);
    fetches?.set(key, stream);
    stream.open(message);
  }

  #refuse(
    channel: Channel,
    id: number,
    why: { readonly code: SyncRefusalCode; readonly term: number; readonly message: BinlogSyncOpen },
  ): void {
    const { code, term, message } = why;
    const text = `the replica ${message.replica} of slot ${message.slot} cannot follow here`;
    channel.send("binlogSyncRefused", id, { code, epoch: this.#epoch(), term, text });
  }

  #refusalOf(channel: Channel, slot: LedSlot | undefined, message: BinlogSyncOpen): SyncRefusalCode | undefined {
    if (slot === undefined || slot.log.role !== "leader") return "notLeader";
    if (message.term < slot.term) return "olderTerm";
    if (message.term > slot.term) return "behind";
    const follower = slot.followers.get(message.replica as ReplicaId);
    return follower === undefined || follower.node !== channel.peer ? "unknownReplica" : undefined;
  }

  #stream(channel: Channel, id: number): LeaderStream | undefined {
    return this.#channels.get(channel)?.get(id);
  }

  #tellProgress(slot: LedSlot): void {
    const tracks = [...slot.followers.values()].map(({ track }) => track);
    slot.log.setFollowerProgress(progressOf(tracks));
    this.#noteProgress();
  }

  /** Tells those who wait, once for all acknowledgements that came together. */
  #noteProgress(): void {
    if (this.#isProgressDue || this.#progressListeners.size === 0) return;
    this.#isProgressDue = true;
    queueMicrotask(() => {
      this.#isProgressDue = false;
      for (const changed of [...this.#progressListeners]) changed();
    });
  }
}
