/**
 * Parts that run, and resources that are owned.
 * A Service does nothing before `start`; `stop` may be called at any time and again, and resolves when nothing of
 * it runs any more. A DisposableStore owns what must be released and releases it in reverse order.
 */

import { messageOf } from "./errors.ts";

export interface Service {
  start(): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface Releasable {
  release(): void;
}

export class DisposableStore implements Releasable {
  #owned: Releasable[] = [];
  #isReleased = false;

  /** Owns `resource`; releases it at once if the store is already released. */
  add<T extends Releasable>(resource: T): T {
    if (this.#isReleased) resource.release();
    else this.#owned.push(resource);
    return resource;
  }

  /** Owns a function to call at release. */
  defer(release: () => void): void {
    this.add({ release });
  }

  release(): void {
    this.#isReleased = true;
    const owned = this.#owned.reverse();
    this.#owned = [];
    for (const resource of owned) resource.release();
  }
}

/** Starts services in order; if one fails, stops those already started in reverse order and throws its error. */
export async function startAll(services: readonly Service[]): Promise<void> {
  const started: Service[] = [];
  for (const service of services) {
    try {
      await service.start();
      started.push(service);
    } catch (error) {
      await stopAll(started);
      throw error;
    }
  }
}

/** Stops services in reverse order, all of them even if some fail. Throws an AggregateError of the failures. */
export async function stopAll(services: readonly Service[]): Promise<void> {
  const failures: unknown[] = [];
  for (const service of services.toReversed()) {
    try {
      await service.stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join("; "));
}
