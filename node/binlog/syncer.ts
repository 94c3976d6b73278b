/**
 * Makes the log durable by the node's fsync policy, and knows up to where it is.
 * `always`: each turn is synced before its replies. `everysec`: synced off the main thread once a second; when a sync
 * takes longer than two seconds the next turn waits for it, so that at most about two seconds can be lost by a power
 * failure (Redis's rule, redis.io/docs/latest/operate/oss_and_stack/management/persistence). `no`: only where the
 * database needs it.
 * Invariants: `durable` never passes what was written, never goes back, and covers all older segments.
 * A failed sync ends the process through `fatal`: the kernel may have dropped the pages, so no later success counts.
 */

import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf, OperatingError } from "../base/errors.ts";
import type { LogFile } from "./file-system.ts";
import { isBehind, type LogPlace } from "./local-record.ts";

export type FsyncPolicy = "always" | "everysec" | "no";

const SYNC_EVERY_MS = 1000;
/** How long a background sync may take before the turn waits for the disk. */
const LATE_SYNC_MS = 2000;

export interface SyncerDeps {
  readonly clock: Clock;
  /** Ends the process; in tests it may throw or record. Never returns to normal work. */
  readonly fatal: (error: OperatingError) => void;
}

interface DirtyFile {
  readonly segment: number;
  readonly path: string;
  readonly file: LogFile;
  /** Also makes the file's directory entry durable; once. */
  syncDirectory: (() => void) | undefined;
  writtenBytes: number;
}

export class LogSyncer {
  policy: FsyncPolicy;
  readonly #deps: SyncerDeps;
  /** Files with bytes that may not be durable, oldest first; the last one is being written. */
  readonly #dirty: DirtyFile[] = [];
  #durable: LogPlace;
  #inFlight: Promise<void> | undefined;
  #startedMs = 0;
  #timer: Timer | undefined;
  #isStopped = false;
  #failure: OperatingError | undefined;
  readonly #listeners: (() => void)[] = [];
  /** Syncs that a turn had to wait for because the background one was late. */
  lateSyncCount = 0;

  constructor(policy: FsyncPolicy, durable: LogPlace, deps: SyncerDeps) {
    this.policy = policy;
    this.#durable = durable;
    this.#deps = deps;
  }

  /** Everything before this place survives a power failure. */
  get durable(): LogPlace {
    return this.#durable;
  }

  /** The place behind the last byte written. */
  get written(): LogPlace {
    const last = this.#dirty.at(-1);
    return last ? { segment: last.segment, offset: last.writtenBytes } : this.#durable;
  }

  /** Calls `listener` whenever `durable` has moved. */
  onDurable(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** From now on the log is written to `file`. Files before it are closed when they are durable. */
  startFile(segment: number, path: string, target: Pick<DirtyFile, "file" | "syncDirectory">): void {
    this.#dirty.push({ segment, path, writtenBytes: 0, ...target });
  }

  /**
   * A turn has been written up to `sizeBytes` of the current file.
   * @throws OperatingError BinlogSyncFailed, now and for ever once a sync has failed: nothing may be promised.
   */
  afterWrite(sizeBytes: number): void {
    if (this.#failure) throw this.#failure;
    const current = this.#dirty.at(-1);
    assert(current !== undefined, "a log file is open");
    current.writtenBytes = sizeBytes;
    if (this.policy === "always") {
      this.syncNow();
    } else if (this.policy === "everysec") {
      if (this.#inFlight && this.#deps.clock.monotonicMs() - this.#startedMs > LATE_SYNC_MS) {
        this.lateSyncCount++;
        this.syncNow();
      } else this.#schedule();
    }
  }

  /** Makes all that was written durable, on this thread. @throws OperatingError BinlogSyncFailed. */
  syncNow(): void {
    if (this.#failure) throw this.#failure;
    const written = this.written;
    if (!isBehind(written, this.#durable)) return;
    try {
      for (const dirty of this.#dirty) {
        dirty.file.syncNow();
        dirty.syncDirectory?.();
        dirty.syncDirectory = undefined;
      }
    } catch (thrown) {
      throw this.#fail(thrown);
    }
    this.#settle(written);
  }

  /**
   * Makes all that was written until now durable, on another thread. Resolves when it is.
   * @throws OperatingError BinlogSyncFailed, after `fatal` was called with it.
   */
  async sync(): Promise<void> {
    const wanted = this.written;
    while (isBehind(wanted, this.#durable)) {
      if (this.#failure) throw this.#failure;
      this.#inFlight ??= this.#syncFiles();
      await this.#inFlight;
    }
  }

  /** Stops the timer, syncs all and closes the files. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#inFlight;
    if (!this.#failure) this.syncNow();
    for (const dirty of this.#dirty) dirty.file.close();
    this.#dirty.length = 0;
  }

  #schedule(): void {
    if (this.#timer || this.#isStopped) return;
    const waitMs = Math.max(0, this.#startedMs + SYNC_EVERY_MS - this.#deps.clock.monotonicMs());
    this.#timer = this.#deps.clock.after(waitMs, () => {
      this.#timer = undefined;
      if (this.#isStopped) return;
      // A failure has gone to `fatal`.
      this.sync().catch(() => undefined);
    });
  }

  async #syncFiles(): Promise<void> {
    const written = this.written;
    this.#startedMs = this.#deps.clock.monotonicMs();
    try {
      for (const dirty of this.#dirty.slice()) {
        await dirty.file.sync();
        dirty.syncDirectory?.();
        dirty.syncDirectory = undefined;
      }
    } catch (thrown) {
      this.#fail(thrown);
      return;
    } finally {
      this.#inFlight = undefined;
    }
    this.#settle(written);
  }

  #settle(written: LogPlace): void {
    if (!isBehind(written, this.#durable)) return;
    this.#durable = written;
    // A file that is being synced on another thread is closed at a later time.
    while (!this.#inFlight && this.#dirty.length > 1 && (this.#dirty[0] as DirtyFile).segment < written.segment) {
      (this.#dirty.shift() as DirtyFile).file.close();
    }
    for (const listener of this.#listeners) listener();
  }

  #fail(cause: unknown): OperatingError {
    const path = this.#dirty.at(-1)?.path ?? "the log";
    this.#failure = new OperatingError(
      "BinlogSyncFailed",
      `${path}: fsync failed: ${messageOf(cause)}; the node stops, because what it was told to keep may be lost`,
      { data: { path }, cause },
    );
    this.#deps.fatal(this.#failure);
    return this.#failure;
  }
}
