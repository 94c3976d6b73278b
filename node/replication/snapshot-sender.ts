/**
 * Sends the whole state of a slot to one follower, in chunks, never more than a window of them unacknowledged.
 * Invariants: SnapshotBegin, chunks numbered from 0 without a gap, then SnapshotEnd; or SnapshotAbort, or silence
 * where the stream is gone. The source is closed whatever happens.
 */

import { messageOf } from "../base/errors.ts";
import type { ReplicaLog, SnapshotSource } from "../shard/replica-log.ts";
import type { SnapshotCause } from "../wire/snapshot.ts";
import type { Channel } from "./channel.ts";

/** Bytes of one chunk: small beside a link's queue, large beside its header. */
const CHUNK_BYTES = 256 * 1024;
/** Chunks on their way without an acknowledgement: 4 MiB bridge a millisecond at any speed of a local network. */
const WINDOW_CHUNKS = 16;

export interface SnapshotTarget {
  readonly channel: Channel;
  readonly stream: number;
  readonly term: number;
  readonly cause: SnapshotCause;
}

export class SnapshotSender {
  readonly #log: ReplicaLog;
  readonly #target: SnapshotTarget;
  #sentCount = 0;
  #takenCount = 0;
  #isCancelled = false;
  #wake: (() => void) | undefined;

  constructor(log: ReplicaLog, target: SnapshotTarget) {
    this.#log = log;
    this.#target = target;
  }

  /** The follower has taken so many chunks. False where it claims more than were sent. */
  acknowledged(chunkCount: number): boolean {
    if (chunkCount > this.#sentCount) return false;
    this.#takenCount = Math.max(this.#takenCount, chunkCount);
    this.wake();
    return true;
  }

  /** There may be room again. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Nobody wants the snapshot any more. */
  cancel(): void {
    this.#isCancelled = true;
    this.wake();
  }

  /**
   * Sends it. Resolves with the index of the snapshot, or undefined where it was not sent to its end.
   * @param onPosition is told the snapshot's index as soon as it is known.
   */
  async run(onPosition: (index: number) => void): Promise<number | undefined> {
    if (!this.#isWanted()) return undefined;
    const { channel, stream } = this.#target;
    let source: SnapshotSource | undefined;
    try {
      source = await this.#log.openSnapshot();
      onPosition(source.position.index);
      const isSent = await this.#send(source);
      return isSent ? source.position.index : undefined;
    } catch (error) {
      channel.send("snapshotAbort", stream, { text: messageOf(error) });
      return undefined;
    } finally {
      await source?.close();
    }
  }

  async #send(source: SnapshotSource): Promise<boolean> {
    const { channel, stream, term, cause } = this.#target;
    if (!this.#isWanted()) return false;
    const { position, nowMs, keyCount, expiringCount, sizeBytes } = source;
    channel.send("snapshotBegin", stream, { term, position, nowMs, keyCount, expiringCount, sizeBytes, cause });
    let entryCount = 0;
    for (;;) {
      const entries = await source.next(CHUNK_BYTES);
      if (!(await this.#room())) return false;
      if (entries.length === 0) break;
      entryCount += entries.length;
      channel.send("snapshotChunk", stream, { number: this.#sentCount++, entries });
    }
    channel.send("snapshotEnd", stream, { chunkCount: this.#sentCount, entryCount });
    return true;
  }

  /** Waits until a chunk may be sent; false when the snapshot is not wanted any more. */
  async #room(): Promise<boolean> {
    while (this.#isWanted()) {
      if (this.#sentCount - this.#takenCount < WINDOW_CHUNKS && this.#target.channel.hasBulkRoom) return true;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return false;
  }

  #isWanted(): boolean {
    return !this.#isCancelled && this.#target.channel.isOpen;
  }
}
