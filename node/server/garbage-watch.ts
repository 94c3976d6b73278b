/**
 * Gives the memory of a burst back. Buffers that nobody refers to any more are freed when the heap is collected, and a
 * node that rests after a burst (a value of 100 MB, KEYS of a million keys) has no reason of its own to collect.
 * So once a second it is looked whether the buffers take much more than what is known to be in use; if they have for
 * two looks in a row, the heap is collected, some tens of milliseconds, at most every ten seconds.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock, Timer } from "../base/clock.ts";
import type { Service } from "../base/lifecycle.ts";

const LOOK_MS = 1000;
/** Buffers beyond what is known: sockets' input, replies, encoded pages. Less is not worth a collection. */
const GARBAGE_BYTES = 64 * 1024 * 1024;
/** Looks after a collection before the next one: what it could not free is in use. */
const REST_LOOKS = 10;

export interface GarbageWatchDeps {
  readonly clock: Clock;
  /** Bytes of all buffers. */
  readonly bufferBytes: () => number;
  /** Bytes of buffers that are in use for long: the record cache. */
  readonly knownBytes: () => number;
  readonly collect: () => void;
}

export class GarbageWatch implements Service {
  readonly #deps: GarbageWatchDeps;
  #timer: Timer | undefined;
  #wasMuch = false;
  #restLooks = 0;

  constructor(deps: GarbageWatchDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer = this.#deps.clock.after(LOOK_MS, () => {
      this.#look();
      void this.start();
    });
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  #look(): void {
    if (this.#restLooks > 0) {
      this.#restLooks--;
      return;
    }
    const { bufferBytes, knownBytes, collect } = this.#deps;
    const isMuch = bufferBytes() - knownBytes() > GARBAGE_BYTES;
    if (isMuch && this.#wasMuch) {
      collect();
      this.#restLooks = REST_LOOKS;
    }
    this.#wasMuch = isMuch && !this.#wasMuch;
  }
}

/** Collects this process's heap. */
export function heapCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
