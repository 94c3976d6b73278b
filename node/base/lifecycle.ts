/**
 * Parts that run. A Service does nothing before `start`; `stop` may be called at any time and again, and resolves when
 * nothing of it runs any more.
 */

import { messageOf } from "./errors.ts";

export interface Service {
  start(): Promise<void>;
  /** Idempotent. */
  stop(): Promise<void>;
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
