/**
 * What a node's start waits for: shown by /readyz to whoever wonders, and given up when the node is to stop.
 */

import { OperatingError } from "./base/errors.ts";

export class StartWait {
  readonly #signal: AbortSignal | undefined;
  #waitingFor: (() => string) | undefined = () => "its start";

  /** @param signal ends the start. */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  get isDone(): boolean {
    return this.#waitingFor === undefined;
  }

  /** What the node waits for, to follow "waiting for"; undefined once it is ready. */
  get waitingFor(): string | undefined {
    return this.#waitingFor?.();
  }

  /**
   * Waits for `work`, which is called `what` meanwhile.
   * @throws OperatingError `Stopping` as soon as the node is to stop; `work` is then its owner's to end.
   */
  async until<T>(what: string | (() => string), work: Promise<T>): Promise<T> {
    this.#waitingFor = typeof what === "string" ? () => what : what;
    const signal = this.#signal;
    if (signal === undefined) return work;
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(new OperatingError("Stopping", "the node was stopped while it started"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** The node is ready. */
  finish(): void {
    this.#waitingFor = undefined;
  }

  /** The node stops. */
  reopen(): void {
    this.#waitingFor = () => "its stop";
  }
}
