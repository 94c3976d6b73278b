/**
 * Lets old segments of the log go, and has the slots that keep them flushed first.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { Binlog } from "../binlog/binlog.ts";
import type { SlotLog } from "../binlog/log-index.ts";
import { decideRetention, type RetentionLimits, type RetentionSlot } from "../binlog/retention.ts";

const CHECK_EVERY_MS = 1000;

export interface LogKeeperDeps {
  readonly log: Binlog;
  readonly clock: Clock;
  readonly slots: () => Iterable<RetentionSlot>;
  /** Flushes a slot; its failures are the flusher's to report. */
  readonly flush: (log: SlotLog) => Promise<void>;
  readonly fatal: (error: unknown) => void;
}

export class LogKeeper {
  /** Segments removed since the start. */
  droppedCount = 0;
  readonly #limits: RetentionLimits;
  readonly #deps: LogKeeperDeps;
  #timer: Timer | undefined;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(limits: RetentionLimits, deps: LogKeeperDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.after(CHECK_EVERY_MS, () => {
      if (this.#isStopped) return;
      this.#running = this.keep()
        .catch(this.#deps.fatal)
        .finally(() => {
          if (!this.#isStopped) this.start();
        });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** One look. */
  async keep(): Promise<void> {
    const { log, slots, flush } = this.#deps;
    const { segments } = log.index;
    if (segments.length < 2) return;
    const { keepFrom, flushFirst } = decideRetention(segments, slots(), this.#limits);
    this.droppedCount += log.dropBefore(keepFrom);
    for (const pinning of flushFirst) {
      if (this.#isStopped) return;
      // A full disk is the flusher's to report; the segment stays until the slot could be flushed.
      await flush(pinning).catch(() => undefined);
    }
  }
}
