/**
 * One followed replica: opens a stream at its leader (or where a candidate fetches what another replica has more), takes what comes, opens anew when the stream ended.
 *
 * ```
 * away → opening → streaming            the usual life
 *                → probing → (cut) → opening
 *                → copying → (installed) → opening
 * any of these → waiting (backoff) → opening;   the link is lost → away
 * ```
 * Invariants
 * 1. Only messages of the present stream and of the replica's own term change anything.
 * 2. The log changes by appendFromLeader, cutBehind and an installed snapshot, one at a time.
 * 3. What is acknowledged is in the log's file.
 */

import { type BackoffOptions, backoffMs } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { ReplicaLog } from "../shard/replica-log.ts";
import type { BinlogSync, BinlogSyncProbe, BinlogSyncRefused, LogPosition, StreamAck } from "../wire/binlog-sync.ts";
import type { SnapshotBegin, SnapshotChunk, SnapshotEnd } from "../wire/snapshot.ts";
import type { Channel } from "./channel.ts";
import { type ProbeBounds, resolveProbe, UNPROBED } from "./core/log-comparison.ts";
import { viewLog } from "./log-view.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";

/** Bytes of entries on their way to one replica: 1 MiB is a millisecond at 1 GB/s, and 64 slots' fill a link's queue. */
const WINDOW_BYTES = 1024 * 1024;
/** Soon at first (the leader learns of its role in these moments), then at most every two seconds. */
const RETRY: BackoffOptions = { initialMs: 20, maxMs: 2000 };

export type FollowerState = "away" | "opening" | "streaming" | "probing" | "cutting" | "copying" | "waiting";

/** What a stream needs of the follower that holds it. */
export interface FollowerStreamHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly epoch: () => number;
  /** Entries were set aside because the leader does not have them. */
  readonly onLost: (log: ReplicaLog, count: number, path: string | undefined) => void;
  /** Gives the stream an id on the channel and takes its messages there. */
  register(stream: FollowerStream, channel: Channel): number;
  unregister(stream: FollowerStream, channel: Channel): void;
  /** The stream's position is to be acknowledged at the end of the turn. */
  acknowledge(stream: FollowerStream, channel: Channel): void;
}

export class FollowerStream {
  readonly log: ReplicaLog;
  readonly #host: FollowerStreamHost;
  /** The other side does not lead: this replica is about to, and fetches what that one has more. */
  readonly isFetch: boolean;
  readonly #stopListening: () => void;
  /** 0: none. */
  id = 0;
  /** Where the leader's log ended when it last said something; -1: it has said nothing on this stream. */
  leaderLastIndex = -1;
  /** The last index that was sent on the present stream: entries of an earlier one may still be on their way to the file. */
  #sentIndex = 0;
  #state: FollowerState = "away";
  #channel: Channel | undefined;
  #term: number;
  #bounds: ProbeBounds = UNPROBED;
  #wantsSnapshot = false;
  #receiver: SnapshotReceiver | undefined;
  #attempts = 0;
  #timer: Timer | undefined;
  #isStopped = false;
  /** Work on the log that must end before the stream is opened anew. */
  #busy: Promise<void> | undefined;

  constructor(log: ReplicaLog, role: { readonly term: number; readonly isFetch: boolean }, host: FollowerStreamHost) {
    this.log = log;
    this.isFetch = role.isFetch;
    this.#term = role.term;
    this.#host = host;
    this.#stopListening = log.onWritten(() => this.#written());
  }

  get state(): FollowerState {
    return this.#state;
  }

  get term(): number {
    return this.#term;
  }

  /** Has what the leader had when it last said something. */
  get isInSync(): boolean {
    return this.#state === "streaming" && this.leaderLastIndex >= 0 && this.log.last.index >= this.leaderLastIndex;
  }

  /** Entries that the leader is known to have and this replica has not applied. */
  get lagEntries(): number {
    return Math.max(0, this.leaderLastIndex - this.log.applied.index);
  }

  /** What is acknowledged: in the log's file, and durable. */
  get acknowledged(): StreamAck {
    const appendedIndex = Math.min(this.log.last.index, this.#sentIndex);
    return { stream: this.id, appendedIndex, durableIndex: Math.min(this.log.durableIndex, appendedIndex) };
  }

  /** The link to the leader's node is there. */
  connected(channel: Channel): void {
    this.disconnected();
    this.#channel = channel;
    this.#attempts = 0;
    this.#open();
  }

  /** The link is gone, or belongs to a node that does not lead the slot any more. */
  disconnected(): void {
    this.#leaveStream();
    this.#channel = undefined;
    this.#state = "away";
  }

  /** Ends for good. Resolves when nothing touches the log any more. */
  async stop(): Promise<void> {
    if (this.#state !== "away") this.#channel?.send("binlogSyncClose", this.id, {});
    this.#isStopped = true;
    this.disconnected();
    this.#stopListening();
    await this.#busy;
  }

  onBinlogSync(message: BinlogSync): void {
    if (message.term !== this.#term || (this.#state !== "opening" && this.#state !== "streaming")) return;
    this.#state = "streaming";
    this.leaderLastIndex = message.lastIndex;
    this.#sentIndex += message.entries.length;
    if (message.entries.length === 0) {
      if (this.isInSync) this.#attempts = 0;
      return;
    }
    const result = this.log.appendFromLeader(message.entries);
    if (result.kind === "appended") return;
    this.#host.logger.error(
      { table: this.log.table, slot: this.log.slot, result, last: this.log.last },
      "entries of the leader do not fit the log; the stream is opened anew",
    );
    this.#closeAndRetry();
  }

  onProbe(message: BinlogSyncProbe): void {
    if (message.term !== this.#term || (this.#state !== "opening" && this.#state !== "probing")) return;
    this.#state = "probing";
    const step = resolveProbe(viewLog(this.log), this.#bounds, message.positions);
    if (step.kind === "ask") {
      this.#bounds = step.bounds;
      const { firstIndex, lastIndex } = step;
      this.#channel?.send("binlogSyncProbeAsk", this.id, { firstIndex, lastIndex });
    } else if (step.kind === "cut") this.#cut(step.position);
    else {
      this.#wantsSnapshot = true;
      this.#reopen();
    }
  }

  onRefused(message: BinlogSyncRefused): void {
    if (this.#state === "away" || this.#state === "waiting") return;
    this.#host.logger.debug({ table: this.log.table, slot: this.log.slot, ...message }, "the leader refused a stream");
    this.#leaveStream();
    this.#retryLater();
  }

  onSnapshotBegin(message: SnapshotBegin): void {
    if (message.term !== this.#term || this.#state === "copying" || this.#state === "cutting") return;
    const { table, slot } = this.log;
    this.#host.logger.info({ table, slot, cause: message.cause, index: message.position.index }, "taking a snapshot");
    this.#state = "copying";
    const stream = this.id;
    const receiver = new SnapshotReceiver(this.log, message, {
      onTaken: (chunkCount) => this.#channel?.send("snapshotAck", stream, { chunkCount }),
      onInstalled: () => {
        this.#wantsSnapshot = false;
        this.#host.logger.info({ table, slot, index: message.position.index }, "snapshot installed");
        this.#reopen();
      },
      onFailed: (reason) => {
        this.#host.logger.warn({ table, slot, reason }, "snapshot failed; it is asked for again");
        this.#channel?.send("snapshotAbort", stream, { text: reason });
        this.#leaveStream();
        this.#retryLater();
      },
    });
    this.#receiver = receiver;
    this.#occupy(() => receiver.run());
  }

  onSnapshotChunk(message: SnapshotChunk): void {
    if (this.#state === "copying" && this.#receiver?.chunk(message) === false) this.#closeAndRetry();
  }

  onSnapshotEnd(message: SnapshotEnd): void {
    if (this.#state === "copying" && this.#receiver?.end(message) === false) this.#closeAndRetry();
  }

  onSnapshotAbort(reason: string): void {
    if (this.#state === "away" || this.#state === "waiting") return;
    const { table, slot } = this.log;
    this.#host.logger.warn({ table, slot, reason }, "the leader could not make a snapshot");
    this.#leaveStream();
    this.#retryLater();
  }

  #open(): void {
    const channel = this.#channel;
    if (channel === undefined || this.#isStopped || !channel.isOpen) return;
    if (this.#busy !== undefined) {
      this.#state = "waiting";
      void this.#busy.then(() => {
        if (this.#state === "waiting" && this.#timer === undefined) this.#open();
      });
      return;
    }
    this.#state = "opening";
    this.#bounds = UNPROBED;
    this.leaderLastIndex = -1;
    this.id = this.#host.register(this, channel);
    const { table, slot, replica, last } = this.log;
    this.#sentIndex = last.index;
    channel.send("binlogSyncOpen", this.id, {
      table,
      slot,
      replica,
      term: this.#term,
      epoch: this.#host.epoch(),
      wantsSnapshot: this.#wantsSnapshot,
      isFetch: this.isFetch,
      windowBytes: WINDOW_BYTES,
      last,
    });
  }

  #reopen(): void {
    this.#leaveStream();
    this.#open();
  }

  #closeAndRetry(): void {
    this.#channel?.send("binlogSyncClose", this.id, {});
    this.#leaveStream();
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.#channel === undefined || this.#isStopped) return;
    this.#state = "waiting";
    this.#timer = this.#host.clock.after(backoffMs(RETRY, this.#attempts++, this.#host.random()), () => {
      this.#timer = undefined;
      this.#open();
    });
  }

  #leaveStream(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#receiver?.cancel();
    this.#receiver = undefined;
    if (this.#channel !== undefined && this.id !== 0) this.#host.unregister(this, this.#channel);
    this.id = 0;
  }

  #cut(position: LogPosition): void {
    this.#state = "cutting";
    this.#occupy(async () => {
      try {
        const result = await this.log.cutBehind(position);
        if (result.kind === "cut") this.#host.onLost(this.log, result.lostCount, result.path);
        else this.#wantsSnapshot = true;
      } catch (error) {
        const { table, slot } = this.log;
        this.#host.logger.error({ table, slot, reason: messageOf(error) }, "the divergent tail could not be set aside");
        if (this.#state === "cutting") this.#closeAndRetry();
        return;
      }
      if (this.#state === "cutting") this.#reopen();
    });
  }

  /** Runs work on the log; nothing else opens a stream before it is done. */
  #occupy(work: () => Promise<void>): void {
    const done = work().finally(() => {
      if (this.#busy === done) this.#busy = undefined;
    });
    this.#busy = done;
  }

  #written(): void {
    if (this.#state !== "streaming" || this.#channel === undefined) return;
    if (this.log.last.index < this.#sentIndex) {
      // The log could not take them (a full disk); the leader sends them again on a new stream.
      const { table, slot, last } = this.log;
      this.#host.logger.debug({ table, slot, last }, "entries of the leader could not be written");
      this.#closeAndRetry();
      return;
    }
    this.#attempts = 0;
    this.#host.acknowledge(this, this.#channel);
  }
}
