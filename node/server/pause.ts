/**
 * CLIENT PAUSE: until a moment, commands of clients (all, or those that write) wait instead of running. The
 * administrator pauses every table's clients, others those of their own table.
 * Invariant: who waits is connected; a client waits for one command at most.
 */

import type { Clock, Timer } from "../base/clock.ts";

/** Who waits: a client, as far as the pause needs it. */
interface Waiter {
  wake(): void;
}

interface Pause {
  readonly what: "all" | "write";
  readonly endMs: number;
  readonly timer: Timer;
}

/** Whose clients: a table's id, or those of every table. */
export type PauseScope = number | "every";

export class ClientPause {
  readonly #clock: Clock;
  readonly #pauses = new Map<PauseScope, Pause>();
  #waiting = new Set<Waiter>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Clients whose command waits. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  get isActive(): boolean {
    return this.#pauses.size > 0;
  }

  /** Begins or prolongs a pause; the stronger of two kinds and the later of two ends hold. */
  begin(scope: PauseScope, durationMs: number, what: "all" | "write"): void {
    const nowMs = this.#clock.monotonicMs();
    const earlier = this.#pauses.get(scope);
    earlier?.timer.cancel();
    const endMs = Math.max(earlier?.endMs ?? 0, nowMs + durationMs);
    const timer = this.#clock.after(endMs - nowMs, () => this.#end(scope));
    this.#pauses.set(scope, { what: earlier?.what === "all" ? "all" : what, endMs, timer });
  }

  /** Ends the pause, of every table all pauses: those who wait go on, or wait for another one. */
  end(scope: PauseScope): void {
    if (scope !== "every") this.#end(scope);
    else for (const each of [...this.#pauses.keys()]) this.#end(each);
  }

  /** Whether a command of the table's client has to wait. */
  holds(tableId: number, isWrite: boolean): boolean {
    return holds(this.#pauses.get("every"), isWrite) || holds(this.#pauses.get(tableId), isWrite);
  }

  /** Wakes the client at the end of the pause. */
  wait(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  isWaiting(waiter: Waiter): boolean {
    return this.#waiting.has(waiter);
  }

  /** The client has left. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  #end(scope: PauseScope): void {
    this.#pauses.get(scope)?.timer.cancel();
    this.#pauses.delete(scope);
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const waiter of waiting) waiter.wake();
  }
}

function holds(pause: Pause | undefined, isWrite: boolean): boolean {
  return pause !== undefined && (pause.what === "all" || isWrite);
}
