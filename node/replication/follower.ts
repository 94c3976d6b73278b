/**
 * The following side of replication on one node: one stream for each replica that follows, over the link that this
 * node dialled to the leader's node.
 *
 * Invariants
 * 1. Ids of streams are never used twice on one channel, so a message of an ended stream finds nobody.
 * 2. Acknowledgements of all streams of a channel go out together, once a turn.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { NodeId, ReplicaId, TableId } from "../meta/ids.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import type { BinlogSync, BinlogSyncProbe, BinlogSyncRefused, StreamAck } from "../wire/binlog-sync.ts";
import type { SnapshotAbort, SnapshotBegin, SnapshotChunk, SnapshotEnd } from "../wire/snapshot.ts";
import { type Channel, slotKey } from "./channel.ts";
import { type FollowerState, FollowerStream, type FollowerStreamHost } from "./follower-stream.ts";

export interface ReplicationFollowerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1), for the jitter. */
  readonly random: () => number;
  readonly epoch: () => number;
  /** Runs a function once, when all that happens in this turn has happened. */
  readonly defer: (run: () => void) => void;
  /** Entries were set aside because the leader does not have them; `path` is the file. */
  readonly onLost: (log: ReplicaLog, count: number, path: string | undefined) => void;
}

/** How far one following replica is. */
export interface FollowingStatus {
  readonly table: TableId;
  readonly slot: number;
  readonly replica: ReplicaId;
  readonly leader: NodeId;
  readonly state: FollowerState;
  readonly isInSync: boolean;
  /** Entries that the leader is known to have and this replica has not applied. */
  readonly lagEntries: number;
}

/** Where a replica follows. */
interface FollowedNode {
  readonly node: NodeId;
  /** It does not lead: this replica is about to, and fetches what that one has more. */
  readonly isFetch: boolean;
}

interface Peer {
  readonly node: NodeId;
  channel: Channel | undefined;
  /** Replicas whose leader is there, by slot. */
  readonly followed: Map<number, FollowerStream>;
}

interface ChannelStreams {
  readonly byId: Map<number, FollowerStream>;
  readonly toAcknowledge: Set<FollowerStream>;
  /** Acknowledged as appended and not as durable: by the fsync policy it will be. With the durable index told last. */
  readonly undurable: Map<FollowerStream, number>;
  lastId: number;
  isDeferred: boolean;
}

/** How often the durable index of streams without news is told: as often as policy `everysec` changes it. */
const DURABLE_TICK_MS = 1000;
/** Acknowledgements in one message: 20 bytes each, so that a message stays within a frame. */
const MAX_ACKS_PER_MESSAGE = 50_000;

export class ReplicationFollower {
  readonly #deps: ReplicationFollowerDeps;
  readonly #host: FollowerStreamHost;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #leaderOf = new Map<number, Peer>();
  readonly #channels = new Map<Channel, ChannelStreams>();
  #timer: Timer | undefined;

  constructor(deps: ReplicationFollowerDeps) {
    this.#deps = deps;
    this.#host = {
      ...deps,
      register: (stream, channel) => this.#register(stream, channel),
      unregister: (stream, channel) => this.#unregister(stream, channel),
      acknowledge: (stream, channel) => this.#acknowledge(stream, channel),
    };
  }

  /** What the links that this node dialled hear about replication. */
  readonly handlers = {
    binlogSync: (channel: Channel, id: number, message: BinlogSync): void =>
      this.#stream(channel, id)?.onBinlogSync(message),
    binlogSyncProbe: (channel: Channel, id: number, message: BinlogSyncProbe): void =>
      this.#stream(channel, id)?.onProbe(message),
    binlogSyncRefused: (channel: Channel, id: number, message: BinlogSyncRefused): void =>
      this.#stream(channel, id)?.onRefused(message),
    snapshotBegin: (channel: Channel, id: number, message: SnapshotBegin): void =>
      this.#stream(channel, id)?.onSnapshotBegin(message),
    snapshotChunk: (channel: Channel, id: number, message: SnapshotChunk): void =>
      this.#stream(channel, id)?.onSnapshotChunk(message),
    snapshotEnd: (channel: Channel, id: number, message: SnapshotEnd): void =>
      this.#stream(channel, id)?.onSnapshotEnd(message),
    snapshotAbort: (channel: Channel, id: number, message: SnapshotAbort): void =>
      this.#stream(channel, id)?.onSnapshotAbort(message.text),
  };

  onOpen(channel: Channel): void {
    this.#channels.set(channel, {
      byId: new Map(),
      toAcknowledge: new Set(),
      undurable: new Map(),
      lastId: 0,
      isDeferred: false,
    });
    const peer = this.#peer(channel.peer as NodeId);
    peer.channel = channel;
    for (const stream of peer.followed.values()) stream.connected(channel);
  }

  onClose(channel: Channel): void {
    const peer = this.#peer(channel.peer as NodeId);
    if (peer.channel === channel) {
      peer.channel = undefined;
      for (const stream of peer.followed.values()) stream.disconnected();
    }
    this.#channels.delete(channel);
  }

  onDrain(): void {}

  /**
   * Follows the replica that leads on `leader`, in a term; or fetches what that replica has, to lead in that term
   * itself. The same again changes nothing.
   */
  async follow(log: ReplicaLog, term: number, source: FollowedNode): Promise<void> {
    const { node, isFetch } = source;
    const key = slotKey(log.table, log.slot);
    const before = this.#leaderOf.get(key)?.followed.get(key);
    const isSame = before?.log === log && before.term === term && before.isFetch === isFetch;
    if (isSame && this.#leaderOf.get(key)?.node === node) return;
    await this.unfollow(log.table, log.slot);
    const peer = this.#peer(node);
    const stream = new FollowerStream(log, { term, isFetch }, this.#host);
    peer.followed.set(key, stream);
    this.#leaderOf.set(key, peer);
    if (peer.channel !== undefined) stream.connected(peer.channel);
  }

  /** Follows nobody in this slot. Resolves when nothing touches its log any more. */
  async unfollow(table: TableId, slot: number): Promise<void> {
    const key = slotKey(table, slot);
    const peer = this.#leaderOf.get(key);
    const stream = peer?.followed.get(key);
    this.#leaderOf.delete(key);
    peer?.followed.delete(key);
    await stream?.stop();
  }

  /** How far the replica of a slot is in what it follows or fetches; undefined where it does neither. */
  streamOf(table: TableId, slot: number): Pick<FollowerStream, "state" | "isInSync"> | undefined {
    const key = slotKey(table, slot);
    return this.#leaderOf.get(key)?.followed.get(key);
  }

  /** Whether the replica of a slot is being replaced by a copy: its log says nothing then. */
  isCopying(table: TableId, slot: number): boolean {
    return this.streamOf(table, slot)?.state === "copying";
  }

  /** Every replica that follows. */
  statuses(): FollowingStatus[] {
    const statuses: FollowingStatus[] = [];
    for (const { node, followed } of this.#peers.values()) {
      for (const stream of followed.values()) {
        const { table, slot, replica } = stream.log;
        const { state, isInSync, lagEntries } = stream;
        statuses.push({ table, slot, replica, leader: node, state, isInSync, lagEntries });
      }
    }
    return statuses;
  }

  async stop(): Promise<void> {
    const streams = [...this.#peers.values()].flatMap(({ followed }) => [...followed.values()]);
    this.#leaderOf.clear();
    for (const { followed } of this.#peers.values()) followed.clear();
    this.#timer?.cancel();
    await Promise.all(streams.map((stream) => stream.stop()));
  }

  #scheduleTick(): void {
    this.#timer ??= this.#deps.clock.after(DURABLE_TICK_MS, () => {
      this.#timer = undefined;
      this.#tellDurable();
    });
  }

  #tellDurable(): void {
    for (const [channel, streams] of this.#channels) {
      for (const [stream, toldIndex] of streams.undurable) {
        if (stream.acknowledged.durableIndex > toldIndex) this.#acknowledge(stream, channel);
      }
      if (streams.undurable.size > 0) this.#scheduleTick();
    }
  }

  #peer(node: NodeId): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = { node, channel: undefined, followed: new Map() };
      this.#peers.set(node, peer);
    }
    return peer;
  }

  #stream(channel: Channel, id: number): FollowerStream | undefined {
    return this.#channels.get(channel)?.byId.get(id);
  }

  #register(stream: FollowerStream, channel: Channel): number {
    const streams = this.#channels.get(channel);
    if (streams === undefined) return 0;
    streams.lastId++;
    streams.byId.set(streams.lastId, stream);
    return streams.lastId;
  }

  #unregister(stream: FollowerStream, channel: Channel): void {
    const streams = this.#channels.get(channel);
    streams?.byId.delete(stream.id);
    streams?.toAcknowledge.delete(stream);
    streams?.undurable.delete(stream);
  }

  #acknowledge(stream: FollowerStream, channel: Channel): void {
    const streams = this.#channels.get(channel);
    if (streams === undefined) return;
    streams.toAcknowledge.add(stream);
    if (streams.isDeferred) return;
    streams.isDeferred = true;
    this.#deps.defer(() => {
      streams.isDeferred = false;
      const acks: StreamAck[] = [];
      for (const stream of streams.toAcknowledge) {
        const ack = stream.acknowledged;
        acks.push(ack);
        if (ack.durableIndex < ack.appendedIndex) streams.undurable.set(stream, ack.durableIndex);
        else streams.undurable.delete(stream);
      }
      streams.toAcknowledge.clear();
      if (streams.undurable.size > 0) this.#scheduleTick();
      for (let at = 0; at < acks.length; at += MAX_ACKS_PER_MESSAGE) {
        channel.send("binlogSyncAck", 0, { streams: acks.slice(at, at + MAX_ACKS_PER_MESSAGE) });
      }
    });
  }
}
