/**
 * Whether this operator may still write, as a port: asked right before each write, answered from a local monotonic clock.
 */

import { OperatingError } from "../../node/base/errors.ts";

export interface Fence {
  /** The Lease was renewed within its deadline, so no other operator acts. */
  readonly isFresh: boolean;
}

/** @throws OperatingError `NotLeading` */
export function requireFresh(fence: Fence, what: string): void {
  if (fence.isFresh) return;
  throw new OperatingError("NotLeading", `${what}: not done, this operator's Lease is not fresh`);
}
