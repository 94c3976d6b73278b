/**
 * Takes one snapshot in: chunks are written one after the other, the switch is made at the end, in one step.
 * Invariants: chunks without a gap and complete, or nothing of it is ever seen; the sink is committed or aborted,
 * once. What waits to be written is bounded by the sender's window, which acknowledgements open.
 */

import { messageOf } from "../base/errors.ts";
import type { ReplicaLog, SnapshotSink } from "../shard/replica-log.ts";
import type { SnapshotBegin, SnapshotChunk, SnapshotEnd } from "../wire/snapshot.ts";

/** Chunks that may wait here: the sender's window and one to spare; more is a broken sender. */
const MAX_WAITING_CHUNKS = 32;

export interface SnapshotReceiverEvents {
  /** So many chunks are written. */
  onTaken(chunkCount: number): void;
  /** The slot's state is the snapshot now. */
  onInstalled(): void;
  /** It came to nothing. */
  onFailed(reason: string): void;
}

export class SnapshotReceiver {
  readonly #log: ReplicaLog;
  readonly #begin: SnapshotBegin;
  readonly #events: SnapshotReceiverEvents;
  #waiting: SnapshotChunk[] = [];
  #end: SnapshotEnd | undefined;
  #receivedCount = 0;
  #writtenCount = 0;
  #entryCount = 0;
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(log: ReplicaLog, begin: SnapshotBegin, events: SnapshotReceiverEvents) {
    this.#log = log;
    this.#begin = begin;
    this.#events = events;
  }

  /** False where the chunk is not the next one, or too many wait. */
  chunk(chunk: SnapshotChunk): boolean {
    if (chunk.number !== this.#receivedCount || this.#waiting.length >= MAX_WAITING_CHUNKS) return false;
    this.#receivedCount++;
    this.#waiting.push(chunk);
    this.#goOn();
    return true;
  }

  /** False where chunks are missing. */
  end(end: SnapshotEnd): boolean {
    if (end.chunkCount !== this.#receivedCount) return false;
    this.#end = end;
    this.#goOn();
    return true;
  }

  /** Forgets the snapshot; `onFailed` is not called. */
  cancel(): void {
    this.#isOver = true;
    this.#goOn();
  }

  /** Resolves when it is installed, failed or cancelled, and nothing of it runs any more. */
  async run(): Promise<void> {
    const { position, nowMs, keyCount, expiringCount, sizeBytes } = this.#begin;
    let sink: SnapshotSink | undefined;
    let isCommitted = false;
    let failure: string | undefined;
    try {
      sink = await this.#log.installSnapshot({ position, nowMs, keyCount, expiringCount, sizeBytes });
      failure = await this.#writeAll(sink);
      if (failure === undefined && !this.#isOver) {
        isCommitted = true;
        await sink.commit();
      }
    } catch (error) {
      failure = messageOf(error);
    }
    try {
      if (!isCommitted) await sink?.abort();
    } catch (error) {
      failure ??= messageOf(error);
    }
    if (this.#isOver) return;
    this.#isOver = true;
    if (failure === undefined) this.#events.onInstalled();
    else this.#events.onFailed(failure);
  }

  /** Writes chunks until the end was told; gives what is wrong with them, if anything is. */
  async #writeAll(sink: SnapshotSink): Promise<string | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (this.#isOver) return undefined;
      if (chunk !== undefined) {
        await sink.write(chunk.entries);
        this.#entryCount += chunk.entries.length;
        this.#writtenCount++;
        if (!this.#isOver) this.#events.onTaken(this.#writtenCount);
      } else if (this.#end !== undefined) {
        return this.#end.entryCount === this.#entryCount ? undefined : "the snapshot lacks entries";
      } else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }

  #goOn(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
