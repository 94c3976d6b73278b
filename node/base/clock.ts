/**
 * Time as a port. This is the only file that reads the system's clocks or sets its timers.
 * Invariants: `monotonicMs` never goes back; a timer never fires early by the monotonic clock.
 */

export interface Timer {
  /** Forgets the timer; safe to call again and after it fired. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, whole; may jump. */
  wallMs(): number;
  /** Milliseconds since some fixed moment, with fractions; never goes back. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. */
  after(delayMs: number, run: () => void): Timer;
}

/** Node takes a longer timeout for one of 1 ms: it is waited for in steps. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  readonly #keepsAlive: boolean;

  /** @param options.keepsAlive the process lives while a timer is set: for commands that wait, not for servers. */
  constructor(options: { readonly keepsAlive?: boolean } = {}) {
    this.#keepsAlive = options.keepsAlive ?? false;
  }

  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, run: () => void): Timer {
    let handle: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, MAX_TIMEOUT_MS);
      handle = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs);
      if (!this.#keepsAlive) handle.unref();
    };
    wait(delayMs);
    return { cancel: () => clearTimeout(handle) };
  }
}

/** Waits on `clock`; rejects with the signal's reason when `signal` aborts. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted) {
    reject(signal.reason);
    return promise;
  }
  const abort = () => {
    timer.cancel();
    reject(signal?.reason);
  };
  const timer = clock.after(delayMs, () => {
    signal?.removeEventListener("abort", abort);
    resolve();
  });
  signal?.addEventListener("abort", abort, { once: true });
  return promise;
}
