/** How many bytes the data directory takes, measured now and then: a file at a time, so that nothing waits for it. */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "./base/clock.ts";
import type { Service } from "./base/lifecycle.ts";

/** Ten gigabytes are some five thousand files: a fraction of a second of the thread pool's time, twice a minute. */
const MEASURE_EVERY_MS = 30_000;

export class DiskUse implements Service {
  /** As of the last measure; 0 before the first. */
  sizeBytes = 0;
  readonly #directory: string;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #isStopped = false;
  #measuring: Promise<void> = Promise.resolve();

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Begins to measure; waits for nothing. */
  async start(): Promise<void> {
    this.#repeat();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#measuring;
  }

  async #measure(): Promise<void> {
    let total = 0;
    const entries = await readdir(this.#directory, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (this.#isStopped) return;
      // A file may have gone since: the database and the log remove theirs all the time.
      if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0;
    }
    this.sizeBytes = total;
  }

  #repeat(): void {
    this.#measuring = this.#measure().then(() => {
      if (!this.#isStopped) this.#timer = this.#clock.after(MEASURE_EVERY_MS, () => this.#repeat());
    });
  }
}
