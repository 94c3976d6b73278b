/**
 * One stream of a leader: a slot's entries to one follower, or what must come before them.
 * The entries sent are those in the log's file: a follower is never ahead of its leader's log.
 * States are those of the FollowerTrack; behind a snapshot the stream waits for the follower to open a new one.
 */

import type { ReplicaLog } from "../shard/replica-log.ts";
import type {
  BinlogSyncOpen,
  BinlogSyncProbeAsk,
  LogPosition,
  StreamAck,
  SyncRefusalCode,
} from "../wire/binlog-sync.ts";
import type { SnapshotCause } from "../wire/snapshot.ts";
import type { Channel } from "./channel.ts";
import type { FollowerTrack } from "./core/follower-track.ts";
import { compareLogs, probePositions } from "./core/log-comparison.ts";
import type { Gate } from "./gate.ts";
import { viewLog } from "./log-view.ts";
import { SnapshotSender } from "./snapshot-sender.ts";

/** Entries of one message, bytes: large enough to be cheap, small enough that slots share a link fairly. */
const MESSAGE_BYTES = 128 * 1024;

export interface LeaderStreamOptions {
  readonly id: number;
  readonly channel: Channel;
  readonly log: ReplicaLog;
  /** The term that the log's replica leads in. */
  readonly term: number;
  readonly epoch: number;
  readonly track: FollowerTrack;
  readonly snapshots: Gate;
  /** The track has changed: what the slot must keep for its followers may have, too. */
  readonly onProgress: () => void;
}

export class LeaderStream {
  readonly #options: LeaderStreamOptions;
  #windowBytes = 0;
  #sender: SnapshotSender | undefined;
  #isClosed = false;

  constructor(options: LeaderStreamOptions) {
    this.#options = options;
  }

  get channel(): Channel {
    return this.#options.channel;
  }

  get id(): number {
    return this.#options.id;
  }

  /** Begins with what the follower said it has. */
  open(message: BinlogSyncOpen): void {
    const { log, track } = this.#options;
    this.#windowBytes = message.windowBytes;
    if (message.wantsSnapshot) {
      this.#copy("diverged");
      return;
    }
    const comparison = compareLogs(viewLog(log), message.last);
    switch (comparison.kind) {
      case "stream":
        this.#stream(message.last);
        return;
      case "probe":
        track.become("probing");
        this.#options.onProgress();
        this.#sendProbe(comparison.firstIndex, comparison.lastIndex);
        return;
      case "snapshot":
        this.#copy(comparison.cause);
    }
  }

  /** Sends what there is, as far as window and link have room. */
  pump(): void {
    const { channel, log, track, term, id } = this.#options;
    this.#sender?.wake();
    while (!this.#isClosed && track.mode === "streaming" && track.sentIndex < log.last.index) {
      if (track.roomBytes === 0 || !channel.hasBulkRoom) return;
      const entries = log.entriesFrom(track.sentIndex + 1, Math.min(MESSAGE_BYTES, track.roomBytes));
      if (entries === undefined) {
        this.#copy("logGone");
        return;
      }
      let sizeBytes = 0;
      for (const entry of entries) sizeBytes += entry.length;
      channel.send("binlogSync", id, { term, lastIndex: log.last.index, entries });
      track.sent(entries.length, sizeBytes);
    }
  }

  /** False where the follower claims what it was not sent. */
  acknowledged(ack: StreamAck): boolean {
    const { log, track, onProgress } = this.#options;
    if (track.mode !== "streaming") return true;
    if (!track.acknowledged(ack.appendedIndex, ack.durableIndex, log.last.index)) return false;
    onProgress();
    this.pump();
    return true;
  }

  probeAsked(ask: BinlogSyncProbeAsk): void {
    if (this.#options.track.mode === "probing") this.#sendProbe(ask.firstIndex, ask.lastIndex);
  }

  /** False where the follower claims chunks that it was not sent. */
  snapshotAcknowledged(chunkCount: number): boolean {
    return this.#sender?.acknowledged(chunkCount) ?? true;
  }

  /** Tells the follower why it gets nothing more, and ends. */
  refuse(code: SyncRefusalCode, text: string): void {
    if (this.#isClosed) return;
    const { channel, id, epoch, term } = this.#options;
    channel.send("binlogSyncRefused", id, { code, epoch, term, text });
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sender?.cancel();
    this.#options.track.become("away");
    this.#options.onProgress();
  }

  #stream(last: LogPosition): void {
    const { channel, id, log, track, term, onProgress } = this.#options;
    track.begin(last.index, this.#windowBytes);
    channel.send("binlogSync", id, { term, lastIndex: log.last.index, entries: [] });
    if (last.index >= log.last.index) track.hasCaughtUp = true;
    onProgress();
    this.pump();
  }

  #sendProbe(firstIndex: number, lastIndex: number): void {
    const { channel, id, log, term } = this.#options;
    channel.send("binlogSyncProbe", id, { term, positions: probePositions(viewLog(log), firstIndex, lastIndex) });
  }

  #copy(cause: SnapshotCause): void {
    const { channel, id, log, track, term, snapshots, onProgress } = this.#options;
    track.become("copying");
    const sender = new SnapshotSender(log, { channel, stream: id, term, cause });
    this.#sender = sender;
    void snapshots.run(() =>
      sender.run((index) => {
        if (this.#isClosed) return;
        // The log behind the snapshot is kept for the stream that the follower opens after it.
        track.copies(index);
        onProgress();
      }),
    );
    onProgress();
  }
}
