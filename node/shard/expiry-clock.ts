/**
 * Moves the time of idle slots on. A slot's expired records are removed up to the time of its last entry (expirer.ts);
 * a slot that nobody writes to would keep them for ever. So the leader logs an entry without commands where something
 * is due, and all replicas remove it by themselves.
 *
 * Invariants: a slot in which nothing is due gets no entry; one that has something due gets at most one a round, and
 * none while what its last one made due is not removed yet.
 */

import type { Clock, Timer } from "../base/clock.ts";
import type { Shards } from "./shards.ts";
import type { SlotShard } from "./slot-shard.ts";

/** Expired records may be counted for so long after their time (beside the flush that puts them into the index). */
const ROUND_MS = 500;
/** Entries of one round: some 40 KiB of log a second at most, whatever the number of slots. */
const ROUND_ENTRIES = 256;

export interface ExpiryClockDeps {
  readonly clock: Clock;
  readonly shards: Shards;
}

export class ExpiryClock {
  /** DEBUG SET-ACTIVE-EXPIRE. */
  isEnabled = true;
  /** Entries made since the start. */
  entryCount = 0;
  readonly #deps: ExpiryClockDeps;
  #timer: Timer | undefined;

  constructor(deps: ExpiryClockDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = this.#deps.clock.after(ROUND_MS, () => {
      this.start();
      this.tick();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One round: the slots that have waited longest first. */
  tick(): void {
    if (!this.isEnabled) return;
    const { shards } = this.#deps;
    const due: SlotShard[] = [];
    for (const shard of shards.all()) if (shard.isExpiryDue()) due.push(shard);
    if (due.length === 0) return;
    if (due.length > ROUND_ENTRIES) due.sort((a, b) => a.data.nextExpiryMs - b.data.nextExpiryMs);
    for (const shard of due.slice(0, ROUND_ENTRIES)) if (shard.advanceTime()) this.entryCount++;
    shards.requestEnd();
  }
}
